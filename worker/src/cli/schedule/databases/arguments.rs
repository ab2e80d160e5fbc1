//! What jobs of all schedulers are told: which policy, when, and what to do with the job.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Args;
use tokenkeeper_shared::{
    clock::{Clock, SystemClock},
    database_url::DatabaseUrl,
    exit::Failure,
    settings::Environment,
};

use super::refused;
use crate::{
    cleanup::{
        dialect::Dialect,
        policy::{self, Policy},
        script::{Job, procedure},
    },
    cli::cleanup::{address, named},
    cron::{self, Schedule},
    schedule::{
        databases::{calendar, rhythm::Rhythm},
        fields::Fields,
    },
};

#[expect(clippy::struct_excessive_bools, reason = "each is an option on the command line")]
#[derive(Debug, Args)]
pub(in crate::cli) struct JobArguments {
    /// The policy
    pub(super) policy: String,
    /// When: `0 3 * * *`, `@daily`, `@every 30m`
    #[arg(long, value_name = "SCHEDULE", required_unless_present_any = ["check", "remove", "disable_builtin"])]
    pub(super) at: Option<String>,
    /// The time zone of --at
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) zone: String,
    /// Make the job, or change it, instead of printing it
    #[arg(long, conflicts_with_all = ["check", "remove"])]
    pub(super) install: bool,
    /// Tell whether the job is there and active, and how its last run ended
    #[arg(long, conflicts_with = "remove")]
    pub(super) check: bool,
    /// Remove the job and its procedure; backups and the history of runs stay
    #[arg(long)]
    pub(super) remove: bool,
    /// Print how to switch off the product's own clean-up, which does the same
    #[arg(long, conflicts_with_all = ["install", "check", "remove"])]
    pub(super) disable_builtin: bool,
    /// The database to clean, without a password
    /// [default: what `TOKENKEEPER_CLEANUP_DATABASE_URL` says]
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// A policy file of yours, or a folder of them, beside the shipped ones
    #[arg(long, value_name = "PATH", env = "TOKENKEEPER_CLEANUP_POLICIES")]
    pub(super) policy_files: Option<PathBuf>,
}

impl JobArguments {
    pub(super) fn policy(&self) -> Result<Policy, Failure> {
        let policies = match &self.policy_files {
            Some(path) => policy::load(path),
            None => policy::shipped(),
        };
        let policies = policies.map_err(|error| refused(error.to_string()))?;
        named(&policies, &self.policy).cloned()
    }

    /// The address of the database, which must be of this kind.
    pub(super) fn url(
        &self,
        environment: &Environment,
        dialect: Dialect,
    ) -> Result<DatabaseUrl, Failure> {
        let url = address::database_url(environment, self.database.as_deref())?;
        if Dialect::from(url.dialect()) == dialect {
            return Ok(url);
        }
        Err(refused(format!("{url} is no {dialect}: this job is for {dialect}")))
    }

    /// Refuses what would need a connection, where none is made.
    pub(super) fn only_printed(&self, to: &str, client: &str, later: &str) -> Result<(), Failure> {
        let asked =
            [("--install", self.install), ("--check", self.check), ("--remove", self.remove)];
        let Some((option, _)) = asked.iter().find(|(_, is_asked)| *is_asked) else { return Ok(()) };
        Err(refused(format!(
            "{option} would need a connection to {to}, which this program does not make: print the text (without {option}) and run \
             it with {client}; {later}"
        )))
    }

    pub(super) fn schedule(&self) -> Result<Schedule, Failure> {
        let zone = zone(&self.zone)?;
        let at = self.at.as_deref().unwrap_or_default();
        Schedule::parse(at, zone).map_err(|error| refused(error.to_string()))
    }

    /// The schedule as even steps.
    pub(super) fn rhythm(&self) -> Result<Rhythm, Failure> {
        let rhythm = Rhythm::of(&self.schedule()?, now());
        rhythm.map_err(|error| refused(error.to_string()))
    }

    /// The schedule as sets of numbers, by the clocks of the scheduler.
    pub(super) fn fields(&self, scheduler: Tz) -> Result<Fields, Failure> {
        let fields = calendar::fields(&self.schedule()?, scheduler, now());
        fields.map_err(|error| refused(error.to_string()))
    }

    /// The same as five fields of cron.
    pub(super) fn five(&self, scheduler: Tz) -> Result<String, Failure> {
        self.fields(scheduler)?.five().map_err(|error| refused(error.to_string()))
    }
}

pub(super) fn job(policy: &Policy) -> Result<Job<'_>, Failure> {
    Job::new(policy).map_err(|error| refused(error.to_string()))
}

pub(super) fn text(job: &Job<'_>, dialect: Dialect) -> Result<String, Failure> {
    procedure(job, dialect, now()).map_err(|error| refused(error.to_string()))
}

pub(super) fn zone(name: &str) -> Result<Tz, Failure> {
    cron::zone(name).map_err(|error| refused(error.to_string()))
}

/// This machine's clock: it decides nothing but the rules of zones.
pub(super) fn now() -> DateTime<Utc> {
    SystemClock::new().utc()
}

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0 done; with --check: there, active, and its last run was well, or none was yet
  2 wrong arguments, no such extension, a right is missing, or a job of that name is somebody else's
  3 with --check: not there, not active, nothing that runs it, or its last run failed
  6 no such policy   7 the database is out of reach";
