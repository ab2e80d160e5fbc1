//! A run from its first batch to its last: each target in turn, window by window, until nothing dead is left
//! that can be had, or somebody says that it is enough.

mod catch_up;

use std::time::Duration;

use tokenkeeper_shared::store::StoreError;
use tokio::{sync::watch, time::sleep};

use super::{
    archive::Archive,
    backup,
    batch::{self, Manner, Undone},
    database::{Database, Session},
    engine::{Engine, is_single},
    hold::Hold,
    ledger::Run,
    pace::Pace,
    policy::{Policy, Target},
    progress::Far,
    site::Secrets,
    verify,
    walk::{ROWS_IN_PAGE, Walk, Window},
};
use crate::backoff::Delays;

/// What a run works with.
#[derive(Debug)]
pub struct Drive<'a> {
    /// What may go.
    pub policy: &'a Policy,
    /// Where.
    pub database: &'a Database,
    /// What is kept of secret columns in backups; none: there is no backup.
    pub kept: Option<Secrets>,
    /// Where deleted rows are kept instead of in tables.
    pub archive: Option<&'a Archive>,
    /// Rows of the targets that may go in this run, at most.
    pub most_rows: u64,
    /// How long it may take.
    pub run_time: Duration,
    /// What it is held back by.
    pub hold: &'a Hold<'a>,
    /// Who wants to hear after each batch how far the run has come.
    pub far: &'a watch::Sender<Far>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing that is dead is left.
    Done,
    /// Something is left: locked rows, or it was enough for this time.
    Partly,
    /// A deleted row should have stayed, or is not in the backup.
    Unverified,
    /// Another runner has taken it up.
    Fenced,
}

impl Drive<'_> {
    /// Runs to the end, and says so in the ledger.
    ///
    /// # Errors
    /// [`StoreError`]: the run stays as it is, to be taken up.
    pub async fn run(&self, run: &mut Run, session: &mut Session) -> Result<Ended, StoreError> {
        let deadline = self.hold.clock.monotonic().saturating_add(self.run_time);
        let mut ended = Ended::Done;
        while let Some(target) = self.policy.targets.get(run.progress.target) {
            match self.target(target, run, deadline, session).await? {
                Step::Next => {
                    run.progress.next();
                    if !run.save(session).await? {
                        return Ok(Ended::Fenced);
                    }
                }
                Step::Enough => {
                    ended = Ended::Partly;
                    break;
                }
                Step::Fenced => return Ok(Ended::Fenced),
            }
        }
        let targets = &run.progress.targets;
        if targets.iter().any(|tally| tally.left > 0 || !tally.skipped.is_empty()) {
            ended = Ended::Partly;
        }
        if targets.iter().any(|tally| !tally.is_verified()) {
            ended = Ended::Unverified;
        }
        let status = match ended {
            Ended::Done => "done",
            Ended::Partly | Ended::Fenced => "partly",
            Ended::Unverified => "failed",
        };
        Ok(if run.end(status, session).await? { ended } else { Ended::Fenced })
    }

    async fn target(
        &self,
        target: &Target,
        run: &mut Run,
        deadline: Duration,
        session: &mut Session,
    ) -> Result<Step, StoreError> {
        let site = backup::site(self.database, self.policy, target, run.clock, self.kept);
        let Some(site) = site.await? else { return Ok(Step::Next) };
        backup::prepare(self.database, &site, session).await?;
        let began_with = run.progress.began_with;
        let tally = run.progress.tally(&target.name, target.table.as_str());
        (tally.began_with, tally.backups) = (began_with, backup::told(&site));
        loop {
            let mut engine = Engine::new(site.clone(), &run.id, session).await?;
            engine.archive = self.archive;
            let step = self.pass(&engine, run, deadline, session).await?;
            if step == Step::Fenced {
                return Ok(step);
            }
            let left = verify::left(&engine, session).await?;
            let is_last = left == 0 || run.progress.pass + 1 >= PASSES || step == Step::Enough;
            if is_last {
                let tally = run.progress.tally(&target.name, target.table.as_str());
                tally.left = left;
                // What goes into a file was looked at batch by batch.
                if self.archive.is_none() {
                    tally.verified = verify::look(&engine, began_with, session).await?;
                }
                return Ok(step);
            }
            // Whoever holds a row is to have done with it.
            sleep(PAUSE).await;
            run.progress.again();
        }
    }

    /// One walk over the table.
    async fn pass(
        &self,
        engine: &Engine<'_>,
        run: &mut Run,
        deadline: Duration,
        session: &mut Session,
    ) -> Result<Step, StoreError> {
        let mut pace = pace(&engine.walk);
        let (mut failures, mut delays) = (0, delays());
        while !run.progress.is_over {
            let rest = self.most_rows.saturating_sub(run.progress.deleted());
            if rest == 0 || self.hold.is_enough(deadline) {
                return Ok(Step::Enough);
            }
            let step = self.catch_up(run, deadline, session).await?;
            if step != Step::Next {
                return Ok(step);
            }
            let position = run.progress.position.clone();
            let Some(window) = engine.window(&position, pace.size(), session).await? else { break };
            let began = self.hold.clock.monotonic();
            let most = (self.most_rows < u64::MAX).then_some(rest);
            let manner = Manner { most, is_careful: failures > 0 || run.progress.pass > 0 };
            match batch::clean(engine, &window, manner, run, session).await {
                Ok(_) => {
                    let took = self.hold.clock.monotonic().saturating_sub(began);
                    note(engine, took, run);
                    pace.took(took);
                    self.far.send_modify(|far| far.deleted = run.progress.deleted());
                    (failures, delays) = (0, self::delays());
                    self.mark(took).await?;
                    self.hold.rest(took, deadline).await;
                }
                Err(Undone::Fenced) => return Ok(Step::Fenced),
                Err(Undone::Store(error)) => return Err(error),
                Err(Undone::InTheWay(error)) => {
                    failures += 1;
                    if failures >= TRIES && is_single(&window, pace.size()) {
                        skip(engine, &window, &error, run);
                        failures = 0;
                    }
                    pace.failed();
                    sleep(delays.next().unwrap_or_default()).await;
                }
            }
        }
        Ok(Step::Next)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    Enough,
    Fenced,
}

fn note(engine: &Engine<'_>, took: Duration, run: &mut Run) {
    let target = engine.site.target;
    let tally = run.progress.tally(&target.name, target.table.as_str());
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tally.longest_batch_ms = tally.longest_batch_ms.max(took);
    tally.took_ms = tally.took_ms.saturating_add(took);
}

/// Leaves a row that fails again and again where it is, and goes on behind it.
fn skip(engine: &Engine<'_>, window: &Window, error: &StoreError, run: &mut Run) {
    let target = engine.site.target;
    let tally = run.progress.tally(&target.name, target.table.as_str());
    let told = error.to_string();
    if tally.skipped.len() < MOST_TOLD && !tally.skipped.contains(&told) {
        tally.skipped.push(told);
    }
    match &window.upto {
        Some(upto) => run.progress.position = upto.clone(),
        None => run.progress.is_over = true,
    }
}

fn pace(walk: &Walk) -> Pace {
    match walk {
        Walk::Keys(_) => Pace::new(500, 50, 20_000),
        Walk::Places { .. } => Pace::new(50 * ROWS_IN_PAGE, ROWS_IN_PAGE, 2_000 * ROWS_IN_PAGE),
    }
}

fn delays() -> Delays {
    Delays::doubling(Duration::from_millis(20), Duration::from_millis(500))
}

/// What was locked, or died during the run, is tried twice more.
const PASSES: u32 = 3;
/// Longer than a product's transactions take.
const PAUSE: Duration = Duration::from_secs(1);
/// A row that fails so often is passed over.
const TRIES: u32 = 5;
/// Texts of errors that are kept.
const MOST_TOLD: usize = 10;
