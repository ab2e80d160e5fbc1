//! One batch is one transaction: rows picked and locked, children and rows copied and deleted, and how far
//! the run has come. Either all of it lasts or nothing.

use tokenkeeper_shared::store::StoreError;

use super::{
    archive,
    database::Session,
    engine::{Engine, Picked},
    ledger::Run,
    site::Held,
    verify,
    walk::Window,
};
use crate::failpoint;

/// Why a batch was undone.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// Somebody stood in the way: a lock, a deadlock, a foreign key, a row that changed meanwhile.
    #[error("{0}")]
    InTheWay(StoreError),
    /// Another runner has taken the run up.
    #[error("another runner has taken this run up")]
    Fenced,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        if is_in_the_way(&error) { Self::InTheWay(error) } else { Self::Store(error) }
    }
}

/// How a batch goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Rows of the target that may go, at most; `None`: all of the window.
    pub most: Option<u64>,
    /// Whether somebody has stood in the way before.
    pub is_careful: bool,
}

/// Cleans a window. Returns how many rows of the target went.
///
/// # Errors
/// [`Undone`]: nothing has changed, but where the connection broke in the very commit.
pub async fn clean(
    engine: &Engine<'_>,
    window: &Window,
    manner: Manner,
    run: &mut Run,
    session: &mut Session,
) -> Result<u64, Undone> {
    let before = run.progress.clone();
    engine.clear(session).await?;
    session.begin_batch().await?;
    let done = inside(engine, window, manner, run, session).await;
    if done.is_err() {
        run.progress = before;
        session.roll_back().await?;
    }
    done
}

async fn inside(
    engine: &Engine<'_>,
    window: &Window,
    manner: Manner,
    run: &mut Run,
    session: &mut Session,
) -> Result<u64, Undone> {
    failpoint::reach("cleanup_before_select");
    run.progress.batch += 1;
    let swept = match manner {
        Manner { most: None, is_careful: false } => {
            engine.sweep(window, run.progress.batch, session).await?
        }
        _ => None,
    };
    let is_swept = swept.is_some();
    let picked = match swept {
        Some(swept) => swept,
        None => engine.pick(window, manner.most.unwrap_or(u64::MAX), session).await?,
    };
    match &window.upto {
        Some(upto) => run.progress.position = upto.clone(),
        None => run.progress.is_over = true,
    }
    if picked.rows() > 0 {
        if is_swept {
            note(engine, &picked, &[], run);
        } else {
            failpoint::hold("cleanup_after_select");
            take(engine, &picked, run, session).await?;
        }
        if let Some(archive) = engine.archive {
            judged(engine, run, session).await?;
            archive::move_out(engine, archive, run, session).await?;
            failpoint::reach("cleanup_after_sync");
        }
    }
    failpoint::reach("cleanup_after_delete");
    if !run.save(session).await? {
        return Err(Undone::Fenced);
    }
    failpoint::reach("cleanup_before_commit");
    session.commit().await?;
    failpoint::reach("cleanup_after_commit");
    Ok(picked.rows())
}

/// Children first; orphans last, when it is known that no parent is left.
async fn take(
    engine: &Engine<'_>,
    picked: &Picked,
    run: &mut Run,
    session: &mut Session,
) -> Result<(), Undone> {
    let batch = run.progress.batch;
    let (orphaned, children): (Vec<&Held>, Vec<_>) =
        engine.site.children.iter().partition(|held| held.is_orphaned());
    let mut gone = Vec::new();
    for held in children {
        gone.push((held, engine.take(held, picked, batch, session).await?));
    }
    let mut candidates = Vec::new();
    for held in orphaned {
        candidates.push((held, engine.candidates(held, picked, session).await?));
    }
    failpoint::reach("cleanup_after_children");
    let own = engine.take(&engine.site.own, picked, batch, session).await?;
    if own != picked.rows() {
        // Some may not go any more: then their children must stay, too.
        let picked = picked.rows();
        let message = format!("of {picked} rows {own} may still go: tried again");
        return Err(Undone::InTheWay(StoreError::Row(message)));
    }
    for (held, candidates) in candidates {
        gone.push((held, engine.take(held, &candidates, batch, session).await?));
    }
    note(engine, picked, &gone, run);
    Ok(())
}

/// Looks back at the batch while its rows are in the backup tables.
async fn judged(
    engine: &Engine<'_>,
    run: &mut Run,
    session: &mut Session,
) -> Result<(), StoreError> {
    let before = run.progress.batch.saturating_sub(1);
    let looked = verify::look(engine, before, session).await?.unwrap_or_default();
    let target = engine.site.target;
    let tally = run.progress.tally(&target.name, target.table.as_str());
    tally.verified.get_or_insert_default().add(&looked);
    Ok(())
}

fn note(engine: &Engine<'_>, picked: &Picked, gone: &[(&Held, u64)], run: &mut Run) {
    let target = engine.site.target;
    let tally = run.progress.tally(&target.name, target.table.as_str());
    tally.deleted += picked.rows();
    for (at, rows) in &picked.reasons {
        let name = target.reasons.get(*at).map_or("", |reason| reason.name.as_str());
        *tally.reasons.entry(name.to_owned()).or_default() += rows;
    }
    for (held, rows) in gone {
        *tally.children.entry(held.table.to_string()).or_default() += rows;
    }
}

/// Whether less of the same, or the same a moment later, may succeed.
pub(super) fn is_in_the_way(error: &StoreError) -> bool {
    let (StoreError::Temporary(error) | StoreError::Refused(error)) = error else {
        return matches!(error, StoreError::Row(_));
    };
    let Some(refusal) = error.as_database_error() else { return false };
    let code = refusal.code().unwrap_or_default();
    if let Some(refusal) = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return MYSQL.contains(&refusal.number());
    }
    if refusal.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return POSTGRES.iter().any(|known| code.starts_with(known));
    }
    // The primary code: busy, locked, constraint.
    code.parse::<u32>().is_ok_and(|number| matches!(number & 0xff, 5 | 6 | 19))
}

/// Deadlock, serialization, lock not available; integrity constraints; what triggers raise.
const POSTGRES: [&str; 5] = ["40P01", "40001", "55P03", "23", "P0001"];
/// Lock wait timeout, deadlock, changed since it was read; foreign keys; what triggers raise.
const MYSQL: [u16; 6] = [1205, 1213, 1020, 1451, 1217, 1644];
