//! One policy's turn at a database: the look that would refuse it, its slot, the run, and what came of it. Who is
//! told, and how, is the caller's.

mod wish;

use std::{fs, time::Duration};

use tokenkeeper_shared::{clock::before, exit::Exit, store::StoreError};
use tokio::sync::watch;

pub use self::wish::{Backup, Wish};
use super::{
    archive::Archive,
    cutoff::DatabaseClock,
    database::{Database, Session},
    digest,
    drive::{Drive, Ended},
    hold::Hold,
    ledger::{Claim, Claimed, Run},
    policy::Policy,
    progress::Far,
    report::Report,
    retention::{self, Retention},
    survey::{Plan, Share, Survey},
};

/// One policy's turn.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What may go.
    pub policy: &'a Policy,
    /// Where.
    pub database: &'a Database,
    /// The database's time, from which the slot is named.
    pub clock: DatabaseClock,
    /// What is asked for.
    pub wish: &'a Wish,
    /// What holds the run back.
    pub hold: &'a Hold<'a>,
}

/// What came of a turn.
#[derive(Debug)]
pub enum Turned {
    /// A run was not begun, for now: it is somebody else's, or held back.
    Left(Report),
    /// Nothing was deleted, for reasons that the plan tells, or because too much would go.
    Refused(Box<Plan>, Vec<String>),
    /// A run of ours ended.
    Ended(Report, Ended),
}

impl Turned {
    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Left(_) | Self::Ended(_, Ended::Done | Ended::Fenced) => Exit::Ok,
            Self::Ended(_, Ended::Partly) => Exit::Partly,
            Self::Ended(_, Ended::Unverified) => Exit::Internal,
            Self::Refused(..) => Exit::Usage,
        }
    }
}

impl Turn<'_> {
    /// Looks, claims the slot and cleans, and tells `watch` how far it is.
    ///
    /// # Errors
    /// [`StoreError`]: what has begun is there to be taken up.
    pub async fn take(
        &self,
        watch: &watch::Sender<Far>,
        session: &mut Session,
    ) -> Result<Turned, StoreError> {
        let runner = runner();
        let name = &self.policy.name;
        if let Some(why) = self.hold.reason() {
            let report = Report::held_back(name, self.slot(), runner, self.clock, why);
            return Ok(Turned::Left(report));
        }
        let survey = Survey { policy: self.policy, database: self.database, clock: self.clock };
        let lacks = survey.lacks(self.wish.backup.kept().is_some()).await?;
        if !lacks.is_empty() {
            return Ok(Turned::Refused(Box::new(survey.refused(lacks)), Vec::new()));
        }
        let claim = Claim {
            policy: name.clone(),
            digest: self.digest()?,
            slot: self.slot(),
            runner: runner.clone(),
            clock: self.clock,
        };
        match claim.make(session).await? {
            Claimed::Ours(run) => self.with(run, runner, watch, session).await,
            Claimed::Theirs(told) => Ok(Turned::Left(Report::told(told))),
        }
    }

    async fn with(
        &self,
        mut run: Run,
        runner: String,
        watch: &watch::Sender<Far>,
        session: &mut Session,
    ) -> Result<Turned, StoreError> {
        let survey = Survey { policy: self.policy, database: self.database, clock: run.clock };
        let check = survey.check().await?;
        let doubts = self.doubts(&check.shares);
        if !check.problems.is_empty() || !doubts.is_empty() {
            if run.progress.deleted() == 0 {
                run.withdraw(session).await?;
            }
            return Ok(Turned::Refused(Box::new(survey.plan().await?), doubts));
        }
        watch.send_replace(self.far(&run, &check.shares));
        let ended = match self.drive(&mut run, watch, session).await {
            Err(error) => return Err(give_back(error, run, session).await?),
            Ok(ended) => ended,
        };
        let mut report = Report::ours(&self.policy.name, &run, ended, &runner);
        if ended == Ended::Partly {
            report.held_back = self.hold.ended_by().await;
        }
        Ok(Turned::Ended(report, ended))
    }

    /// Gives up what earlier runs have kept for long enough, unless this one has shown a defect.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retain(
        &self,
        ended: Ended,
        session: &mut Session,
    ) -> Result<Option<retention::Report>, StoreError> {
        let is_sound = !matches!(ended, Ended::Unverified | Ended::Fenced);
        let Some(older_than) = self.wish.keep_backups.filter(|_| is_sound) else { return Ok(None) };
        let now = self.database.clock().await?.utc();
        let retention = Retention {
            database: self.database,
            before: before(now, older_than),
            now,
            policy: Some(&self.policy.name),
            is_dry: false,
            stop: self.hold.stop,
            clock: self.hold.clock,
        };
        retention.run(session).await.map(Some)
    }

    /// Over the rows that may go, or those that this run may take.
    fn far(&self, run: &Run, shares: &[Share]) -> Far {
        let deleted = run.progress.deleted();
        let doomed = shares.iter().map(|of| of.doomed).sum::<u64>();
        let most = self.wish.max_rows.unwrap_or(u64::MAX);
        Far { deleted, all: deleted.saturating_add(doomed).min(most), waiting: None }
    }

    async fn drive(
        &self,
        run: &mut Run,
        far: &watch::Sender<Far>,
        session: &mut Session,
    ) -> Result<Ended, StoreError> {
        let archive = self.archive(run)?;
        if archive.is_some() && !run.save(session).await? {
            return Ok(Ended::Fenced);
        }
        let drive = Drive {
            policy: self.policy,
            database: self.database,
            kept: self.wish.backup.kept(),
            archive: archive.as_ref(),
            most_rows: self.wish.max_rows.unwrap_or(u64::MAX),
            run_time: self.wish.run_time.unwrap_or(Duration::MAX),
            hold: self.hold,
            far,
        };
        let ended = drive.run(run, session).await?;
        if let Some(archive) = archive.filter(|_| ended != Ended::Fenced) {
            archive.finish(run)?;
        }
        Ok(ended)
    }

    fn archive(&self, run: &mut Run) -> Result<Option<Archive>, StoreError> {
        let Backup::File(path, _) = &self.wish.backup else { return Ok(None) };
        Archive::open(path, &self.policy.name, run).map(Some)
    }

    /// What a run goes by, so that nobody goes on by something else.
    fn digest(&self) -> Result<String, StoreError> {
        let is_file = matches!(self.wish.backup, Backup::File(..));
        let text = serde_json::to_vec(&(self.policy, self.wish.backup.kept(), is_file));
        text.map(digest::sha256).map_err(|error| {
            StoreError::Unfit(format!("the policy cannot be told as JSON: {error}"))
        })
    }

    fn slot(&self) -> String {
        let minute = || self.clock.utc().format("%Y-%m-%dT%H:%MZ").to_string();
        self.wish.slot.clone().unwrap_or_else(minute)
    }

    /// Why so much at once is doubted.
    fn doubts(&self, shares: &[Share]) -> Vec<String> {
        let most = self.wish.max_fraction;
        let too_large = |of: &&Share| {
            #[expect(clippy::cast_precision_loss, reason = "a share needs no exact counts")]
            let share = of.doomed as f64 / of.rows.max(1) as f64;
            of.rows >= SMALL && share > most
        };
        let doubt = |Share { table, rows, doomed }: &Share| {
            format!(
                "{doomed} of {rows} rows of {table} may go, more than --max-fraction {most}: look at the plan, then add --yes-large",
            )
        };
        shares.iter().filter(too_large).map(doubt).collect()
    }
}

/// Leaves the run to be taken up, or gives its slot back where nothing was deleted: whoever mends the cause
/// should not have to wait until it counts as cut off.
async fn give_back(
    error: StoreError,
    run: Run,
    session: &mut Session,
) -> Result<StoreError, StoreError> {
    let is_refused = matches!(error, StoreError::Unfit(_) | StoreError::File { .. });
    if is_refused && run.progress.deleted() == 0 {
        run.withdraw(session).await?;
    }
    Ok(error)
}

/// Host and process, for others to find it.
fn runner() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(64).collect();
    format!("{host}:{}", std::process::id())
}

/// Small tables may be all dead, and reach zero.
const SMALL: u64 = 1_000;
