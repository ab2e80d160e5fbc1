//! The flags that say what is started, how it is called, and when.

use std::path::{Path, PathBuf, absolute};

use chrono_tz::Tz;
use clap::Args;
use tokenkeeper_shared::exit::{Exit, Failure};

use crate::{
    cleanup::policy,
    cli::cleanup::named,
    cron::{Schedule, WrongSchedule, zone},
    schedule::hosts::{Job, Task, name},
};

#[derive(Debug, Args)]
pub(super) struct JobArguments {
    /// Renew what is due: what is started when nothing else is said; needed beside --cleanup where both are wanted
    #[arg(long)]
    refresh: bool,
    /// Clean by this policy, with `cleanup POLICY --apply`; may be repeated
    #[arg(long, value_name = "POLICY")]
    cleanup: Vec<String>,
    /// A policy file of yours, or a folder of them, beside the shipped ones, where the job runs
    #[arg(long, value_name = "PATH", requires = "cleanup")]
    policy_files: Option<PathBuf>,
    /// Keep the daemon running, which renews and cleans at the times that the configuration says
    #[arg(long, conflicts_with_all = ["refresh", "cleanup", "at", "zone"])]
    daemon: bool,
    /// When: five to seven fields of cron, @daily, `@every 30m`
    /// [default: to renew as often as is usual there, to clean at 03:00]
    #[arg(long, value_name = "SCHEDULE")]
    at: Option<String>,
    /// In which time zone fields are meant, by its IANA name
    #[arg(long, value_name = "ZONE")]
    pub(super) zone: Option<String>,
    /// What all of it is called: jobs are NAME-refresh, NAME-cleanup and NAME-daemon
    #[arg(long, value_name = "NAME", default_value = "tokenkeeper")]
    pub(super) name: String,
    /// The program that is started [default: this one, or on other machines /usr/local/bin/tokenkeeper-worker]
    #[arg(long, value_name = "PATH")]
    pub(super) program: Option<PathBuf>,
}

/// Where jobs run, and what is usual there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// How often what is due is renewed when nobody says.
    pub(super) usual: &'a str,
    /// The zone when nobody says.
    pub(super) zone: Tz,
    /// Whether it is this machine, whose files are named by their whole path.
    pub(super) is_here: bool,
}

impl JobArguments {
    /// The jobs that are asked for: of what is renewed and what is cleaned each is one, so that neither waits for the other.
    pub(super) fn jobs(
        &self,
        config: Option<&Path>,
        ground: Ground<'_>,
    ) -> Result<Vec<Job>, Failure> {
        let zone = self.zone.as_deref().map_or(Ok(ground.zone), zone).map_err(|e| wrong(&e))?;
        let prefix = name(&self.name)?;
        let program = self.program(ground)?;
        let config = config.map(|path| whole(path, ground)).transpose()?;
        let policy_files =
            self.policy_files.as_deref().map(|path| whole(path, ground)).transpose()?;
        let job = |(kind, usual, task): (&str, &str, Task)| {
            let at = self.at.as_deref().unwrap_or(usual);
            let at = Schedule::parse(at, zone).map_err(|e| wrong(&e))?;
            let name = format!("{prefix}-{kind}");
            let (program, config) = (program.clone(), config.clone());
            Ok(Job { name, task, at, program, config, policy_files: policy_files.clone() })
        };
        self.tasks(ground)?.into_iter().map(job).collect()
    }

    fn tasks<'a>(&self, ground: Ground<'a>) -> Result<Vec<(&'static str, &'a str, Task)>, Failure> {
        let usual = ground.usual;
        if self.daemon {
            return Ok(vec![("daemon", usual, Task::Daemon)]);
        }
        let mut tasks = Vec::new();
        if self.refresh || self.cleanup.is_empty() {
            tasks.push(("refresh", usual, Task::Refresh));
        }
        if !self.cleanup.is_empty() {
            self.known(ground)?;
            tasks.push(("cleanup", CLEANUP_TIME, Task::Cleanup(self.cleanup.clone())));
        }
        Ok(tasks)
    }

    /// That there are such policies, as far as this machine can tell.
    fn known(&self, ground: Ground<'_>) -> Result<(), Failure> {
        let policies = match &self.policy_files {
            // Those are not here; names go into texts that others read.
            Some(_) if !ground.is_here => {
                let is_wrong = |name: &&String| !policy::is_name(name);
                let wrong = self.cleanup.iter().find(is_wrong);
                let wrong = wrong.map(|name| format!("{name:?} is no policy: {}", policy::NAMES));
                return wrong.map_or(Ok(()), |message| Err(refused(message)));
            }
            Some(path) => policy::load(path),
            None => policy::shipped(),
        };
        let policies = policies.map_err(|error| refused(error.to_string()))?;
        self.cleanup.iter().try_for_each(|name| named(&policies, name).map(drop))
    }

    fn program(&self, ground: Ground<'_>) -> Result<String, Failure> {
        match &self.program {
            Some(path) => whole(path, ground),
            None if ground.is_here => {
                let unknown = |error| {
                    refused(format!(
                        "this program's own path is not known ({error}): give --program"
                    ))
                };
                whole(&std::env::current_exe().map_err(unknown)?, ground)
            }
            None => Ok(ELSEWHERE.to_owned()),
        }
    }
}

/// Whoever starts the job stands in another folder.
fn whole(path: &Path, ground: Ground<'_>) -> Result<String, Failure> {
    let path = if ground.is_here {
        absolute(path).map_err(crate::cli::at(path))?
    } else {
        path.to_owned()
    };
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| refused(format!("{} is no UTF-8: rename it", path.display())))
}

fn wrong(error: &WrongSchedule) -> Failure {
    refused(error.to_string())
}

fn refused(message: String) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// At night, in whatever zone.
const CLEANUP_TIME: &str = "0 3 * * *";
const ELSEWHERE: &str = "/usr/local/bin/tokenkeeper-worker";
