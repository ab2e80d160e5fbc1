//! `schedule` for hosts and clouds. One file per target; `job` reads what all of them take.

mod clouds;
mod containers;
mod cron;
mod job;
mod systemctl;
mod systemd;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use self::{
    clouds::{AwsArguments, AzureArguments, GoogleArguments},
    containers::ContainerArguments,
    cron::CronArguments,
    systemd::SystemdArguments,
};
use super::output;
use crate::schedule::hosts::{File, Unfit};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HostVerb {
    /// Units of systemd: a hardened service, and the timer that starts it
    Systemd(SystemdArguments),
    /// Lines for cron
    Cron(CronArguments),
    /// A `CronJob` of Kubernetes, or a Deployment for the daemon
    Kubernetes(ContainerArguments),
    /// The daemon as a service of Compose
    Compose(ContainerArguments),
    /// A script for Google Cloud: Cloud Run jobs, started by Cloud Scheduler
    GoogleCloud(GoogleArguments),
    /// A template of AWS SAM: Lambda functions, called by `EventBridge` Scheduler
    AwsLambda(AwsArguments),
    /// A script that writes an app for Azure Functions
    AzureFunctions(AzureArguments),
}

/// What is done with what would be printed.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
struct Doing {
    /// Put it in place, and have it started from now on; once more brings it up to date
    #[arg(long)]
    install: bool,
    /// Say whether it is there, up to date and enabled, and how its last run ended; ends with 3 when something is amiss
    #[arg(long)]
    check: bool,
    /// Take it away
    #[arg(long)]
    remove: bool,
}

pub(super) async fn host(
    environment: &Environment,
    config: Option<PathBuf>,
    verb: HostVerb,
    json: bool,
) -> Result<Exit, Failure> {
    match verb {
        HostVerb::Systemd(arguments) => {
            systemd::systemd(environment, config, arguments, json).await
        }
        HostVerb::Cron(arguments) => cron::cron(config.as_deref(), &arguments, json).await,
        HostVerb::Kubernetes(arguments) => {
            containers::kubernetes(config.as_deref(), &arguments, json)
        }
        HostVerb::GoogleCloud(arguments) => clouds::google(config.as_deref(), &arguments, json),
        HostVerb::AwsLambda(arguments) => clouds::aws(config.as_deref(), &arguments, json),
        HostVerb::AzureFunctions(arguments) => clouds::azure(config.as_deref(), &arguments, json),
        HostVerb::Compose(arguments) => {
            containers::docker_compose(config.as_deref(), &arguments, json)
        }
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::new(Exit::Usage, unfit.0)
    }
}

/// Prints files, each behind a comment with its path.
fn print(target: &str, files: &[File], folder: &str, json: bool) -> Result<Exit, Failure> {
    if json {
        let files: Vec<_> = files
            .iter()
            .map(|file| json!({ "path": format!("{folder}{}", file.name), "text": file.text }))
            .collect();
        output::json(&json!({ "version": 1, "target": target, "files": files }))?;
        return Ok(Exit::Ok);
    }
    for file in files {
        output::line(&format!("# ==> {folder}{} <==\n{}", file.name, file.text))?;
    }
    Ok(Exit::Ok)
}

/// Prints the one file that there is, without a heading, so that it can be run or deployed as it comes.
fn print_alone(target: &str, file: File, json: bool) -> Result<Exit, Failure> {
    if json {
        return print(target, &[file], "", json);
    }
    output::line(file.text.trim_end())?;
    Ok(Exit::Ok)
}

/// Tells what a look has found: a line for each job, and 3 where one is amiss.
fn tell(target: &str, jobs: &[Found], json: bool) -> Result<Exit, Failure> {
    if json {
        let jobs: Vec<_> = jobs.iter().map(Found::json).collect();
        output::json(&json!({ "version": 1, "target": target, "jobs": jobs }))?;
    } else {
        for job in jobs {
            output::line(&job.line())?;
        }
    }
    let is_well = jobs.iter().all(|job| job.amiss.is_empty());
    Ok(if is_well { Exit::Ok } else { Exit::Partly })
}

/// What a look has found of one job.
#[derive(Debug, Default)]
struct Found {
    name: String,
    amiss: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

impl Found {
    fn line(&self) -> String {
        let facts: Vec<String> =
            self.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let well = if self.amiss.is_empty() { "ok".to_owned() } else { self.amiss.join("; ") };
        [format!("{}: {well}", self.name)].into_iter().chain(facts).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> serde_json::Value {
        let facts: serde_json::Map<_, _> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).replace(' ', "_"), value.as_str().into()))
            .collect();
        json!({ "name": self.name, "ok": self.amiss.is_empty(), "amiss": self.amiss, "facts": facts })
    }
}
