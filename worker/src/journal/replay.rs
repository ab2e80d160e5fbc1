//! What a run does with the answers that an earlier one left: commits them under the same fence as
//! the attempt itself would have.

use std::path::Path;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    name::TokenName,
    store::{Commit, Prepared, Store, StoreError},
};
use tracing::warn;
use uuid::Uuid;

use super::left::{self, Left, Orphan};

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Answers that need no journal any more.
    pub settled: Vec<Settled>,
    /// Answers that wait on, because another worker holds their row, the database refuses them or the
    /// run is over.
    pub held: usize,
    /// Lines that were no whole answer.
    pub torn: usize,
}

/// An answer of an earlier run that was settled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which token.
    pub name: TokenName,
    /// The mark of the claim that it answers.
    pub attempt: Uuid,
    /// Whether it is stored. Otherwise it came too late: the row has a newer one.
    pub is_stored: bool,
    /// The generation that it is stored under, or else the one that was claimed.
    pub generation: i64,
    /// What was wrong with it, where it brought no usable access token.
    pub problem: Option<String>,
    /// When its replay began and ended, by the database's time.
    pub during: (DateTime<Utc>, DateTime<Utc>),
}

/// Commits what orphaned journals in `folder` hold, until the run `is_over`. A file whose answers are
/// all settled is removed.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked; what is not settled stays in its file.
pub async fn replay(
    folder: &Path,
    store: &Store,
    now: impl Fn() -> DateTime<Utc>,
    is_over: impl Fn() -> bool,
) -> Result<Replayed, StoreError> {
    let mut replayed = Replayed::default();
    let Left { orphans, locked } = match left::take(folder) {
        Ok(left) => left,
        Err(error) => {
            warn!("{}: the journal cannot be read: {error}", folder.display());
            return Ok(replayed);
        }
    };
    for locked in &locked {
        warn!("{locked}");
    }
    for orphan in orphans {
        let held = replayed.held;
        replayed.torn += orphan.torn;
        for answer in &orphan.answers {
            if is_over() {
                replayed.held += 1;
            } else {
                commit(answer, store, &now, &mut replayed).await?;
            }
        }
        if replayed.held == held {
            forget(&orphan);
        }
    }
    Ok(replayed)
}

async fn commit(
    answer: &Prepared,
    store: &Store,
    now: &impl Fn() -> DateTime<Utc>,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    let began = now();
    let stored_as = match store.commit(answer, began).await {
        Ok(Commit::Stored(generation)) => Some(generation),
        Ok(Commit::Fenced) => None,
        Ok(Commit::Held) => {
            replayed.held += 1;
            return Ok(());
        }
        Err(error) if error.is_transient() => return Err(error),
        // One answer that the database refuses must not keep all other tokens from being kept.
        Err(error) => {
            warn!(token = %answer.name(), "a replayed answer is refused and stays in the journal: {error}");
            replayed.held += 1;
            return Ok(());
        }
    };
    replayed.settled.push(Settled {
        name: answer.name().clone(),
        attempt: answer.attempt(),
        is_stored: stored_as.is_some(),
        generation: stored_as.unwrap_or(answer.generation()),
        problem: answer.problem().map(str::to_owned),
        during: (began, now()),
    });
    Ok(())
}

fn forget(orphan: &Orphan) {
    if let Err(error) = orphan.remove() {
        warn!("a replayed journal could not be removed and will be replayed again: {error}");
    }
}
