//! What a run does with the answers that an earlier one left: commits them under the same fence as
//! the attempt itself would have.

use std::path::Path;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::store::{Commit, Prepared, Store, StoreError};
use tracing::warn;

use super::file::{self, Orphan};

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Tokens whose answer is stored now.
    pub stored: Vec<String>,
    /// Answers that came too late: the row has a newer one.
    pub fenced: usize,
    /// Answers that wait on, because another worker holds their row or the database refuses them.
    pub held: usize,
    /// Lines that were no whole answer.
    pub torn: usize,
}

/// Commits what orphaned journals in `folder` hold. A file whose answers are all settled is removed.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked; what is not settled stays in its file.
pub async fn replay(
    folder: &Path,
    store: &Store,
    now: impl Fn() -> DateTime<Utc>,
) -> Result<Replayed, StoreError> {
    let mut replayed = Replayed::default();
    let orphans = match file::orphans(folder) {
        Ok((orphans, _)) => orphans,
        Err(error) => {
            warn!("{}: the journal cannot be read: {error}", folder.display());
            return Ok(replayed);
        }
    };
    for orphan in orphans {
        let held = replayed.held;
        replayed.torn += orphan.torn;
        for answer in &orphan.answers {
            commit(answer, store, now(), &mut replayed).await?;
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
    now: DateTime<Utc>,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    match store.commit(answer, now).await {
        Ok(Commit::Stored(_)) => replayed.stored.push(answer.name().to_string()),
        Ok(Commit::Fenced) => replayed.fenced += 1,
        Ok(Commit::Held) => replayed.held += 1,
        Err(error) if error.is_transient() => return Err(error),
        // One answer that the database refuses must not keep all other tokens from being kept.
        Err(error) => {
            warn!(token = %answer.name(), "a replayed answer is refused and stays in the journal: {error}");
            replayed.held += 1;
        }
    }
    Ok(())
}

fn forget(orphan: &Orphan) {
    if let Err(error) = orphan.remove() {
        warn!("a replayed journal could not be removed and will be replayed again: {error}");
    }
}
