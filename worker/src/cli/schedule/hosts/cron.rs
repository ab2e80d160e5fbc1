//! `schedule cron`: lines in the table of the user who calls, by the program `crontab`; a file for `/etc/cron.d` is only
//! printed.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Output, Stdio},
};

use clap::Args;
use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::{io::AsyncWriteExt, process::Command};

use super::{
    Doing, Found,
    job::{Ground, JobArguments},
    output, print, print_alone, tell,
};
use crate::{
    cron::zone,
    schedule::hosts::{
        File, Job,
        crontab::{file, found, lines, with, without},
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct CronArguments {
    #[command(flatten)]
    job: JobArguments,
    #[command(flatten)]
    doing: Doing,
    /// Print a file for /etc/cron.d, whose lines run as this user
    #[arg(long, value_name = "USER", conflicts_with_all = ["install", "check", "remove"])]
    cron_d: Option<String>,
}

pub(super) async fn cron(
    config: Option<&Path>,
    arguments: &CronArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let zone = hosts_zone(arguments.job.zone.as_deref())?;
    let ground = Ground { usual: "@every 1m", zone, is_here: true };
    let jobs = arguments.job.jobs(config, ground)?;
    if let Some(user) = &arguments.cron_d {
        let text = file(&jobs, users_name(user)?)?;
        return print(
            "cron",
            &[File { name: arguments.job.name.clone(), text }],
            "/etc/cron.d/",
            json,
        );
    }
    let Doing { install, check, remove } = arguments.doing;
    if check {
        let table = read().await?;
        let jobs = jobs.iter().map(|job| look(&table, job)).collect::<Result<Vec<_>, _>>()?;
        return tell("cron", &jobs, json);
    }
    if !install && !remove {
        let text = jobs.iter().map(lines).collect::<Result<Vec<_>, _>>()?.concat();
        return print_alone("cron", File { name: "crontab".to_owned(), text }, json);
    }
    change(&jobs, install).await
}

/// Puts the jobs into the table, or takes them out, in one step.
async fn change(jobs: &[Job], is_wanted: bool) -> Result<Exit, Failure> {
    let before = read().await?;
    let mut table = before.clone();
    for job in jobs {
        table = if is_wanted { with(&table, job, &lines(job)?)? } else { without(&table, job)? };
    }
    let said = match (table == before, is_wanted) {
        (true, true) => "was there already",
        (true, false) => "was not there",
        (false, true) => "is in the table",
        (false, false) => "removed",
    };
    if table != before {
        write(&table).await?;
    }
    for job in jobs {
        output::note(&format!("{}: {said}", job.name));
    }
    Ok(Exit::Ok)
}

fn look(table: &str, job: &Job) -> Result<Found, Failure> {
    let amiss = match found(table, job)? {
        None => Some("not in the table: --install puts it there"),
        Some(text) if text != lines(job)? => {
            Some("not what these arguments make: --install brings it up to date")
        }
        Some(_) => None,
    };
    Ok(Found {
        name: job.name.clone(),
        amiss: amiss.map(str::to_owned).into_iter().collect(),
        facts: vec![(
            "last run",
            "not known to cron: see `tokenkeeper-worker status` and `cleanup status`".to_owned(),
        )],
    })
}

/// cron goes by the host's zone, so that another one cannot be asked for.
fn hosts_zone(asked: Option<&str>) -> Result<chrono_tz::Tz, Failure> {
    let unknown = |why: String| {
        Failure::new(
            Exit::Usage,
            format!(
                "this host's time zone is not known ({why}): set it, or use `schedule systemd`"
            ),
        )
    };
    let name = iana_time_zone::get_timezone().map_err(|error| unknown(error.to_string()))?;
    // Debian calls it so where nobody has chosen.
    let name = if name == "Etc/UTC" { "UTC".to_owned() } else { name };
    let host = zone(&name).map_err(|error| unknown(error.to_string()))?;
    let asked = asked
        .map(zone)
        .transpose()
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    match asked {
        Some(asked) if asked != host => Err(Failure::new(
            Exit::Usage,
            format!(
                "cron goes by this host's clock, which is in {host}, not in {asked} (CRON_TZ is known to cronie, not to \
                 Debian's cron): write --at in {host}, or use `schedule systemd`, whose timers take zones"
            ),
        )),
        _ => Ok(host),
    }
}

fn users_name(text: &str) -> Result<&str, Failure> {
    let is_plain = |sign: u8| sign.is_ascii_alphanumeric() || b"_-".contains(&sign);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Ok(text);
    }
    Err(Failure::new(Exit::Usage, format!("{text:?} is no name of a user")))
}

/// The user's table; that there is none is said by words alone.
async fn read() -> Result<String, Failure> {
    let output = run("-l", None).await?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| {
            Failure::new(
                Exit::Usage,
                "the table is no UTF-8 and is left as it is: mend it by `crontab -e`",
            )
        });
    }
    if String::from_utf8_lossy(&output.stderr).contains("no crontab for") {
        return Ok(String::new());
    }
    Err(refused("-l", &output))
}

async fn write(table: &str) -> Result<(), Failure> {
    let output = run("-", Some(table)).await?;
    if output.status.success() { Ok(()) } else { Err(refused("-", &output)) }
}

async fn run(argument: &str, input: Option<&str>) -> Result<Output, Failure> {
    let mut command = Command::new("crontab");
    command.env("LC_ALL", "C").arg(argument).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Exit::Usage,
            "there is no program crontab: install cron, or use `schedule systemd`",
        ),
        _ => Failure::new(Exit::Temporary, format!("crontab cannot be run: {error}")),
    };
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        pipe.write_all(input.as_bytes()).await.map_err(failed)?;
    }
    child.wait_with_output().await.map_err(failed)
}

fn refused(argument: &str, output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it did not say why").to_owned();
    Failure::new(Exit::Usage, format!("crontab {argument}: {said}: nothing was changed"))
}
