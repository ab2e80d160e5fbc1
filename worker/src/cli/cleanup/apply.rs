//! `cleanup --apply`: deletes what the policies say is dead, after the look that would refuse it.

mod arguments;
mod bar;
mod figures;

use std::{collections::BTreeMap, fs, time::Duration};

use tokenkeeper_shared::{
    clock::SystemClock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    store::StoreError,
};
use tokio::sync::watch;

pub(super) use self::{arguments::ApplyArguments, figures::Figures};
use self::{arguments::BackupKind, bar::Bar};
use super::{chosen, output, prune::Aged};
use crate::{
    cleanup::{
        archive::Archive,
        cutoff::DatabaseClock,
        database::{Access, Database, Session},
        digest,
        drive::{Drive, Ended},
        hold::Hold,
        ledger::{Claim, Claimed, Run},
        policy::Policy,
        report::Report,
        survey::{Plan, Share, Survey},
    },
    cli::signals,
};

/// Whom a run is told to.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    /// Those who watch.
    pub(super) figures: Figures<'a>,
    /// Whether the caller reads JSON.
    pub(super) json: bool,
}

pub(super) async fn apply(
    policies: &BTreeMap<String, Policy>,
    names: &[String],
    url: DatabaseUrl,
    arguments: &ApplyArguments,
    telling: &Telling<'_>,
) -> Result<Exit, Failure> {
    let database = Database::open(url, Access::Change)?;
    let clock = database.clock().await?;
    let (stop, restraint, host) = (signals::stop()?, arguments.restraint(), SystemClock::new());
    let hold = Hold::new(&restraint, &stop, &host, clock.utc());
    let mut worst = Exit::Ok;
    let chosen = chosen(policies, names, &database, clock).await?;
    if matches!(arguments.backup, BackupKind::File(_)) && chosen.len() > 1 {
        let message = "a backup file is one policy's: name the policy".to_owned();
        return Err(Failure::new(Exit::Usage, message));
    }
    for policy in chosen {
        let one = One { policy, database: &database, clock, arguments, hold: &hold, telling };
        let mut session = database.session().await?;
        let exit = one.clean(&mut session).await?;
        session.close().await;
        // A refusal, or a defect, before what will be done the next time.
        worst = match (worst, exit) {
            (Exit::Ok, exit) | (Exit::Partly, exit @ (Exit::Usage | Exit::Internal)) => exit,
            (worst, _) => worst,
        };
    }
    database.close().await;
    Ok(worst)
}

/// One policy's turn.
struct One<'a> {
    policy: &'a Policy,
    database: &'a Database,
    clock: DatabaseClock,
    arguments: &'a ApplyArguments,
    hold: &'a Hold<'a>,
    telling: &'a Telling<'a>,
}

impl One<'_> {
    async fn clean(&self, session: &mut Session) -> Result<Exit, Failure> {
        let json = self.telling.json;
        let runner = runner();
        if let Some(why) = self.hold.reason() {
            let report = Report::held_back(&self.policy.name, self.slot(), runner, self.clock, why);
            return tell(&report, Exit::Ok, json);
        }
        let before = Survey { policy: self.policy, database: self.database, clock: self.clock };
        let lacks = before.lacks(self.arguments.kept().is_some()).await?;
        if !lacks.is_empty() {
            return refuse(&before.refused(lacks), &[], json);
        }
        let claim = Claim {
            policy: self.policy.name.clone(),
            digest: self.digest()?,
            slot: self.slot(),
            runner: runner.clone(),
            clock: self.clock,
        };
        let mut run = match claim.make(session).await? {
            Claimed::Ours(run) => run,
            Claimed::Theirs(told) => return tell(&Report::told(told), Exit::Ok, json),
        };
        let survey = Survey { policy: self.policy, database: self.database, clock: run.clock };
        let check = survey.check().await?;
        let large = self.large(&check.shares);
        if !check.problems.is_empty() || !large.is_empty() {
            if run.progress.deleted() == 0 {
                run.withdraw(session).await?;
            }
            return refuse(&survey.plan().await?, &large, json);
        }
        let (bar, told) = self.bar(&run, &check.shares, json);
        let driven = self.drive(&mut run, session, &told).await;
        bar.end(told).await;
        let ended = match driven {
            Err(error) => return give_up(error, run, session).await,
            Ok(ended) => ended,
        };
        let exit = match ended {
            Ended::Done | Ended::Fenced => Exit::Ok,
            Ended::Partly => Exit::Partly,
            Ended::Unverified => Exit::Internal,
        };
        let mut report = Report::ours(&self.policy.name, &run, ended, &runner);
        report.held_back = self.hold.reason().filter(|_| ended == Ended::Partly);
        tell(&report, exit, json)?;
        if ended != Ended::Fenced {
            self.telling.figures.note(&report).await;
            self.retain(ended, session).await?;
        }
        Ok(exit)
    }

    /// Gives up what earlier runs have kept for long enough, unless this one has shown a defect.
    async fn retain(&self, ended: Ended, session: &mut Session) -> Result<(), Failure> {
        let kept = self.arguments.keep_backups.filter(|_| ended != Ended::Unverified);
        let Some(older_than) = kept else { return Ok(()) };
        let aged = Aged { older_than, policy: Some(&self.policy.name) };
        let report = aged.give_up(self.database, false, self.hold.stop, session).await?;
        for line in report.lines().iter().take(usize::from(!report.runs.is_empty())) {
            output::note(line);
        }
        Ok(())
    }

    /// Over the rows that may go, or those that this run may take.
    fn bar(&self, run: &Run, shares: &[Share], json: bool) -> (Bar, watch::Sender<u64>) {
        let done = run.progress.deleted();
        let doomed = shares.iter().map(|of| of.doomed).sum::<u64>();
        let most = self.arguments.max_rows.unwrap_or(u64::MAX);
        Bar::begin(&self.policy.name, done, done.saturating_add(doomed).min(most), json)
    }

    async fn drive(
        &self,
        run: &mut Run,
        session: &mut Session,
        told: &watch::Sender<u64>,
    ) -> Result<Ended, StoreError> {
        let archive = self.archive(run)?;
        if archive.is_some() && !run.save(session).await? {
            return Ok(Ended::Fenced);
        }
        let drive = Drive {
            policy: self.policy,
            database: self.database,
            kept: self.arguments.kept(),
            archive: archive.as_ref(),
            most_rows: self.arguments.max_rows.unwrap_or(u64::MAX),
            run_time: self.arguments.run_time.unwrap_or(Duration::MAX),
            hold: self.hold,
            told,
        };
        let ended = drive.run(run, session).await?;
        if let Some(archive) = archive.filter(|_| ended != Ended::Fenced) {
            archive.finish(run)?;
        }
        Ok(ended)
    }

    fn archive(&self, run: &mut Run) -> Result<Option<Archive>, StoreError> {
        let BackupKind::File(path) = &self.arguments.backup else { return Ok(None) };
        Archive::open(path, &self.policy.name, run).map(Some)
    }

    /// What a run goes by, so that nobody goes on by something else.
    fn digest(&self) -> Result<String, Failure> {
        let is_file = matches!(self.arguments.backup, BackupKind::File(_));
        let text = serde_json::to_vec(&(self.policy, self.arguments.kept(), is_file));
        let text = text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        Ok(digest::sha256(text))
    }

    fn slot(&self) -> String {
        let minute = || self.clock.utc().format("%Y-%m-%dT%H:%MZ").to_string();
        self.arguments.slot.clone().unwrap_or_else(minute)
    }

    /// Why so much at once is doubted.
    fn large(&self, shares: &[Share]) -> Vec<String> {
        let too_large = |of: &&Share| {
            #[expect(clippy::cast_precision_loss, reason = "a share needs no exact counts")]
            let share = of.doomed as f64 / of.rows.max(1) as f64;
            !self.arguments.yes_large && of.rows >= SMALL && share > self.arguments.max_fraction
        };
        let doubt = |Share { table, rows, doomed }: &Share| {
            format!(
                "{doomed} of {rows} rows of {table} may go, more than --max-fraction {}: look at the plan, then add --yes-large",
                self.arguments.max_fraction
            )
        };
        shares.iter().filter(too_large).map(doubt).collect()
    }
}

fn refuse(plan: &Plan, large: &[String], json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(plan)?;
    } else if plan.is_refused() {
        for line in plan.lines() {
            output::line(&line)?;
        }
    }
    for line in large {
        output::note(line);
    }
    output::note("refused: nothing was deleted");
    Ok(Exit::Usage)
}

fn tell(report: &Report, exit: Exit, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(report)?;
        return Ok(exit);
    }
    for line in report.lines() {
        output::line(&line)?;
    }
    Ok(exit)
}

/// Leaves the run to be taken up, or gives its slot back where nothing was deleted: whoever mends the cause
/// should not have to wait until it counts as cut off.
async fn give_up(error: StoreError, run: Run, session: &mut Session) -> Result<Exit, Failure> {
    let is_refused = matches!(error, StoreError::Unfit(_) | StoreError::File { .. });
    if is_refused && run.progress.deleted() == 0 {
        run.withdraw(session).await?;
    }
    Err(error.into())
}

/// Host and process, for others to find it.
fn runner() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(64).collect();
    format!("{host}:{}", std::process::id())
}

/// Small tables may be all dead, and reach zero.
const SMALL: u64 = 1_000;
