//! `schedule pg-cron`: what it says. What it looks at and changes is `place`.

mod place;

use clap::Args;
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use self::place::Place;
use super::{
    JobArguments,
    arguments::{job, text, zone},
    output, print,
    sides::Sides,
    telling,
};
use crate::{
    cleanup::{dialect::Dialect, script::Job},
    schedule::databases::pg_cron::PgCron,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct PgCronArguments {
    #[command(flatten)]
    pub(super) common: JobArguments,
    /// The database that has the extension, where it is not the one that is cleaned
    #[arg(long, value_name = "NAME")]
    cron_database: Option<String>,
    /// The zone of `pg_cron`'s clock (its setting cron.timezone) [default: what the server says, GMT unasked]
    #[arg(long, value_name = "ZONE")]
    cron_zone: Option<String>,
}

pub(super) async fn run(
    environment: &Environment,
    arguments: &PgCronArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let policy = arguments.common.policy()?;
    let job = job(&policy)?;
    let JobArguments { install, check, remove, .. } = arguments.common;
    if !(install || check || remove) {
        return arguments.print(environment, &job, json);
    }
    let url = arguments.common.url(environment, Dialect::Postgres)?;
    let done = async {
        let mut place = Place(Sides::open(&url, arguments.cron_database.as_deref()).await?);
        place.is_ready().await?;
        if install {
            make(&job, arguments, &mut place, json).await
        } else if check {
            tell(&job, &mut place, json).await
        } else {
            let was = place.remove(&job).await?;
            telling::removed(&job.name(), was, json)
        }
    };
    done.await.map_err(|failure: Failure| failure.naming(&url))
}

impl PgCronArguments {
    fn print(&self, environment: &Environment, job: &Job<'_>, json: bool) -> Result<Exit, Failure> {
        let fields = self.common.five(zone(self.cron_zone.as_deref().unwrap_or("GMT"))?)?;
        let elsewhere = match &self.cron_database {
            Some(_) => Some(self.common.url(environment, Dialect::Postgres)?.database()),
            None => None,
        };
        let texts = PgCron::new(job, &text(job, Dialect::Postgres)?, &fields, elsewhere.as_deref());
        let between = match &self.cron_database {
            Some(name) => format!(
                "-- Here the text for the database {} begins, where the extension is.\n",
                name.escape_debug()
            ),
            None => String::new(),
        };
        print(&format!("{}{between}{}", texts.procedure, texts.job), &job.name(), json)
    }
}

async fn make(
    job: &Job<'_>,
    arguments: &PgCronArguments,
    place: &mut Place,
    json: bool,
) -> Result<Exit, Failure> {
    let own = match &arguments.cron_zone {
        Some(zone) => Some(zone.clone()),
        None => place.zone().await?,
    };
    let fields = arguments.common.five(zone(own.as_deref().unwrap_or("GMT"))?)?;
    let texts = text(job, Dialect::Postgres)?;
    place.install(job, &PgCron::new(job, &texts, &fields, place.0.elsewhere.as_deref())).await?;
    telling::installed(&job.name(), &fields, &format!("at {fields} by pg_cron's clock"), json)
}

async fn tell(job: &Job<'_>, place: &mut Place, json: bool) -> Result<Exit, Failure> {
    let name = job.name();
    let found = place.ours(job).await?;
    let is_whole = place.0.has_procedure(job).await?;
    let last = match &found {
        Some(found) => place.last(found).await?,
        None => None,
    };
    let is_active = found.as_ref().is_some_and(|found| found.is_active);
    let has_failed = last.as_ref().is_some_and(|last| last.status == "failed");
    if json {
        let last = last.as_ref();
        let last = last
            .map(|last| json!({ "status": last.status, "began": last.began, "said": last.said }));
        let schedule = found.as_ref().map(|found| &found.schedule);
        output::json(
            &json!({ "version": 1, "job": name, "is_there": found.is_some(), "has_procedure": is_whole,
            "is_active": is_active, "schedule": schedule, "last_run": last }),
        )?;
    } else {
        let state = match &found {
            None => "is not there: make it with --install".to_owned(),
            Some(_) if !is_whole => "its procedure is gone: make it with --install".to_owned(),
            Some(found) if !is_active => {
                format!("is not active (at {}): make it so with --install", found.schedule)
            }
            Some(found) => format!("is active, at {} by pg_cron's clock", found.schedule),
        };
        let last = last.map(|last| format!("{}: {}: {}", last.began, last.status, last.said));
        telling::state(&name, &state, last.as_deref())?;
    }
    Ok(if is_active && is_whole && !has_failed { Exit::Ok } else { Exit::Partly })
}
