//! The way back: a run's rows from the backup tables into those that they were deleted from. What was deleted
//! last comes first, parents before children; nothing that is there now is changed.

mod bring;
mod conflict;
mod report;
mod way;

use std::time::Duration;

use tokenkeeper_shared::store::StoreError;
use tokio::time::sleep;

use self::{
    bring::{Hindered, Place},
    way::Way,
};
pub use self::{
    conflict::Conflict,
    report::{Report, TableReport},
};
use super::{
    database::{Database, Session},
    ledger::{self, Told},
};
use crate::{backoff::Delays, stop::Stop};

/// What brings rows back.
#[derive(Debug)]
pub struct Restore<'a> {
    /// Where.
    pub database: &'a Database,
    /// Whether rows are counted only.
    pub is_dry: bool,
    /// Who may ask to stop.
    pub stop: &'a Stop,
}

/// Why nothing was brought back.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// It cannot be: nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// The database. What came back until then stays, and the rest can be brought back later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotRestored {
    /// There is no such run.
    fn unknown(run: &str) -> Self {
        let shown: String = run.escape_debug().take(64).collect();
        refused(format!(
            "there is no run \"{shown}\" here: see `tokenkeeper-worker cleanup history`"
        ))
    }

    /// Its backup was given up.
    fn given_up(told: &Told) -> Option<Self> {
        let at = told.progress.given_up_at.as_ref()?;
        Some(refused(format!(
            "the backup of this run was given up on {at}, because it was older than its retention: its rows cannot be \
             brought back"
        )))
    }

    /// Nothing comes back of a run that is unknown, or whose backup was given up.
    ///
    /// # Errors
    /// [`NotRestored`].
    pub async fn found(session: &mut Session, run: &str) -> Result<Told, Self> {
        let told = ledger::find(session, run).await?;
        let told = told.ok_or_else(|| Self::unknown(run))?;
        Self::given_up(&told).map_or(Ok(told), Err)
    }

    /// Somebody is at it.
    #[must_use]
    pub fn running() -> Self {
        refused("the run is not over: let it end, or be taken up".to_owned())
    }
}

impl Restore<'_> {
    /// Brings back what the backups hold of a run.
    ///
    /// # Errors
    /// [`NotRestored`].
    pub async fn run(&self, run: &str, session: &mut Session) -> Result<Report, NotRestored> {
        let told = NotRestored::found(session, run).await?;
        if let Some(mark) =
            told.progress.file.as_ref().filter(|_| told.loaded < told.progress.batch)
        {
            return Err(refused(format!(
                "the run's rows are in a file: give --from PATH (it was {})",
                mark.path.display()
            )));
        }
        let ways = way::ways(self.database, &told, session).await.map_err(NotRestored::from)?;
        let ways = ways.map_err(refused)?;
        let mut report = Report::new(&told, self.is_dry, &ways);
        if self.is_dry {
            return Ok(report);
        }
        if !ledger::begin(session, run).await? {
            return Err(NotRestored::running());
        }
        for batch in batches(&ways) {
            for way in ways.iter().filter(|way| way.batches.contains(&batch)) {
                self.batch(way, batch, &told, &mut report, session).await?;
            }
        }
        report.is_stopped = self.stop.is_asked();
        ledger::finish(session, run, report.is_complete()).await?;
        Ok(report)
    }

    async fn batch(
        &self,
        way: &Way,
        batch: u64,
        told: &Told,
        report: &mut Report,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        let (places, held_back) = bring::places(way, &told.run, batch, session).await?;
        let table = report.table(way);
        table.conflict(Conflict::Orphaned, held_back);
        let mut rest: Vec<&[Place]> = places.chunks(AT_ONCE).rev().collect();
        let (mut tries, mut delays) = (0, delays());
        while let Some(some) = rest.pop() {
            if self.stop.is_asked() {
                return Ok(());
            }
            match bring::bring(way, &told.run, some, session).await {
                Ok(rows) => {
                    table.restored += rows;
                    (tries, delays) = (0, self::delays());
                }
                Err(Hindered::Store(error)) => return Err(error),
                Err(Hindered::Locked) if tries < TRIES => {
                    tries += 1;
                    rest.push(some);
                    sleep(delays.next().unwrap_or_default()).await;
                }
                Err(hindered) if some.len() == 1 => {
                    table.conflict(hindered.conflict(), 1);
                    tries = 0;
                }
                Err(_) => {
                    let (first, second) = some.split_at(some.len() / 2);
                    rest.extend([second, first]);
                }
            }
        }
        Ok(())
    }
}

/// All batches, the last first.
fn batches(ways: &[Way]) -> Vec<u64> {
    let mut batches: Vec<_> = ways.iter().flat_map(|way| way.batches.iter().copied()).collect();
    batches.sort_unstable_by(|a, b| b.cmp(a));
    batches.dedup();
    batches
}

fn refused(message: String) -> NotRestored {
    NotRestored::Refused(message)
}

fn delays() -> Delays {
    Delays::doubling(Duration::from_millis(20), Duration::from_millis(500))
}

/// Rows of a transaction: few enough that nobody waits for it.
const AT_ONCE: usize = 500;
/// Rows that somebody has locked for so often are left.
const TRIES: u32 = 5;
