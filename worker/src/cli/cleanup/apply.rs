//! `cleanup --apply`: deletes what the policies say is dead, after the look that would refuse it.

use std::{collections::BTreeMap, fs, time::Duration};

use clap::{Args, ValueEnum};
use tokenkeeper_shared::{
    clock::SystemClock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    store::StoreError,
};

use super::{chosen, output};
use crate::{
    cleanup::{
        cutoff::DatabaseClock,
        database::{Access, Database, Session},
        digest,
        drive::{Drive, Ended},
        ledger::{Claim, Claimed},
        policy::Policy,
        report::Report,
        site::Secrets,
        survey::{Plan, Share, Survey},
    },
    cli::signals,
    stop::Stop,
};

/// How `--apply` deletes.
#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    /// Delete, instead of showing what would be deleted
    #[arg(long)]
    pub(super) apply: bool,
    /// Where deleted rows are kept: tables `tokenkeeper_backup_…` beside those that are cleaned
    #[arg(long, value_enum, default_value = "table", requires = "apply")]
    backup: BackupKind,
    /// What backups keep of token columns: what the policy says (mostly hashes), the values, their
    /// SHA-256, or nothing. Only rows whose values are kept can be restored
    #[arg(long, value_enum, default_value = "policy", requires = "apply")]
    secrets: SecretsKind,
    /// What a scheduler calls this run: a second one of that name does nothing [default: the minute]
    #[arg(long, value_name = "TEXT", requires = "apply", value_parser = slot)]
    slot: Option<String>,
    /// Refuse when a larger share of a table's rows (from 1,000 on) is dead
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, requires = "apply", value_parser = fraction)]
    max_fraction: f64,
    /// Delete also when nearly all of a table is dead
    #[arg(long, requires = "apply")]
    yes_large: bool,
    /// End after so many rows, children not counted
    #[arg(long, value_name = "ROWS", requires = "apply")]
    max_rows: Option<u64>,
    /// End after this time, such as 10m
    #[arg(long, value_name = "TIME", requires = "apply", value_parser = humantime::parse_duration)]
    run_time: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackupKind {
    /// In tables of the same database
    Table,
    /// Nowhere
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SecretsKind {
    /// What the policy says
    Policy,
    /// The values: a backup that may hold bearer tokens
    Keep,
    /// SHA-256
    Hash,
    /// Nothing
    Drop,
}

pub(super) async fn apply(
    policies: &BTreeMap<String, Policy>,
    names: &[String],
    url: DatabaseUrl,
    arguments: &ApplyArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let database = Database::open(url, Access::Change)?;
    let clock = database.clock().await?;
    let stop = signals::stop()?;
    let mut worst = Exit::Ok;
    for policy in chosen(policies, names, &database, clock).await? {
        let one = One { policy, database: &database, clock, arguments, stop: &stop };
        let mut session = database.session().await?;
        let exit = one.clean(&mut session, json).await?;
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
    stop: &'a Stop,
}

impl One<'_> {
    async fn clean(&self, session: &mut Session, json: bool) -> Result<Exit, Failure> {
        let runner = runner();
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
        let drive = Drive {
            policy: self.policy,
            database: self.database,
            kept: self.kept(),
            most_rows: self.arguments.max_rows.unwrap_or(u64::MAX),
            run_time: self.arguments.run_time.unwrap_or(Duration::MAX),
            stop: self.stop,
            clock: &SystemClock::new(),
        };
        let ended = match drive.run(&mut run, session).await {
            // Whoever mends the cause should not have to wait until the run counts as cut off.
            Err(error @ StoreError::Address(_)) if run.progress.deleted() == 0 => {
                run.withdraw(session).await?;
                return Err(error.into());
            }
            other => other?,
        };
        let exit = match ended {
            Ended::Done | Ended::Fenced => Exit::Ok,
            Ended::Partly => Exit::Partly,
            Ended::Unverified => Exit::Internal,
        };
        tell(&Report::ours(&self.policy.name, &run, ended, &runner), exit, json)
    }

    fn kept(&self) -> Option<Secrets> {
        let secrets = match self.arguments.secrets {
            SecretsKind::Policy => Secrets::Policy,
            SecretsKind::Keep => Secrets::Keep,
            SecretsKind::Hash => Secrets::Hash,
            SecretsKind::Drop => Secrets::Drop,
        };
        (self.arguments.backup == BackupKind::Table).then_some(secrets)
    }

    /// What a run goes by, so that nobody goes on by something else.
    fn digest(&self) -> Result<String, Failure> {
        let text = serde_json::to_vec(&(self.policy, self.kept()));
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

/// Host and process, for others to find it.
fn runner() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(64).collect();
    format!("{host}:{}", std::process::id())
}

fn slot(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 ASCII characters, no blanks".to_owned()) }
}

fn fraction(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share between 0 and 1, such as 0.95".to_owned())
}

/// Small tables may be all dead, and reach zero.
const SMALL: u64 = 1_000;
