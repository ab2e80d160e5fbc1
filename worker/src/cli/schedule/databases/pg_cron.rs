//! `schedule pg-cron`.

use clap::Args;
use serde_json::json;
use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::Environment,
};

use super::{
    JobArguments,
    arguments::{job, text, zone},
    output, print, refused,
};
use crate::{
    cleanup::{
        database::{Access, Database, Session},
        dialect::Dialect,
        policy::Case,
        script::Job,
        sql::{Bind, Sql},
    },
    schedule::databases::{MARK, pg_cron::PgCron},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct PgCronArguments {
    #[command(flatten)]
    common: JobArguments,
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
        let mut place = Place::open(&url, arguments).await?;
        place.is_ready().await?;
        if install {
            place.install(&job, arguments, json).await
        } else if check {
            place.check(&job, json).await
        } else {
            place.remove(&job, json).await
        }
    };
    done.await.map_err(|failure: Failure| failure.naming(&url))
}

impl PgCronArguments {
    fn print(&self, environment: &Environment, job: &Job<'_>, json: bool) -> Result<Exit, Failure> {
        let calendar = self.common.calendar(zone(self.cron_zone.as_deref().unwrap_or("GMT"))?)?;
        let elsewhere = match &self.cron_database {
            Some(_) => Some(self.common.url(environment, Dialect::Postgres)?.database()),
            None => None,
        };
        let texts =
            PgCron::new(job, &text(job, Dialect::Postgres)?, &calendar, elsewhere.as_deref());
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

/// The cleaned database, and the one with the extension: mostly the same.
struct Place {
    cleaned: Session,
    cron: Session,
    /// The cleaned one's name, where they differ.
    elsewhere: Option<String>,
}

impl Place {
    async fn open(url: &DatabaseUrl, arguments: &PgCronArguments) -> Result<Self, Failure> {
        let session = async |url: DatabaseUrl| {
            Ok::<_, Failure>(Database::open(url, Access::Change)?.session().await?)
        };
        let mut cleaned = session(url.clone()).await?;
        let Some(name) = &arguments.cron_database else {
            return Ok(Self { cron: session(url.clone()).await?, cleaned, elsewhere: None });
        };
        let beside = url.on_same_server(name, &[]).map_err(|error| refused(error.to_string()))?;
        let own = cleaned.cell(&asked("SELECT CAST(current_database() AS text)")).await?;
        let elsewhere = own.filter(|own| own != name);
        Ok(Self { cron: session(beside).await?, cleaned, elsewhere })
    }

    /// That the extension is there, and may be used.
    async fn is_ready(&mut self) -> Result<(), Failure> {
        let there = self.cron.cell(&asked(EXTENSION)).await?;
        if there.is_none() {
            let other = self.cron.cell(&asked(ITS_DATABASE)).await?.filter(|name| !name.is_empty());
            return Err(refused(match other {
                Some(name) => format!(
                    "the extension pg_cron is not in this database: it belongs into \"{name}\", where CREATE EXTENSION \
                     pg_cron makes it; if it is there, give --cron-database {name}"
                ),
                None => "this server has no pg_cron: install its package (postgresql-NN-cron), add pg_cron to \
                         shared_preload_libraries, restart the server, and CREATE EXTENSION pg_cron"
                    .to_owned(),
            }));
        }
        if self.cron.cell(&asked(USAGE)).await?.as_deref() != Some("true") {
            let user = self.cron.cell(&asked("SELECT CAST(current_user AS text)")).await?;
            let user = user.unwrap_or_default();
            return Err(refused(format!(
                "this user may not use pg_cron: have a superuser GRANT USAGE ON SCHEMA cron TO \"{user}\""
            )));
        }
        Ok(())
    }

    async fn install(
        &mut self,
        job: &Job<'_>,
        arguments: &PgCronArguments,
        json: bool,
    ) -> Result<Exit, Failure> {
        let own = match &arguments.cron_zone {
            Some(zone) => Some(zone.clone()),
            None => self.cron.cell(&asked(ITS_ZONE)).await?.filter(|zone| !zone.is_empty()),
        };
        let calendar = arguments.common.calendar(zone(own.as_deref().unwrap_or("GMT"))?)?;
        if let Some(found) = self.found(job).await?.filter(|found| !found.is_ours) {
            return Err(not_ours(job, &found));
        }
        let text = text(job, Dialect::Postgres)?;
        let texts = PgCron::new(job, &text, &calendar, self.elsewhere.as_deref());
        self.cleaned.script(&texts.procedure).await?;
        self.cron.script(&texts.job).await?;
        let (name, fields) = (job.name(), calendar.fields());
        if json {
            output::json(
                &json!({ "version": 1, "job": name, "schedule": fields, "installed": true }),
            )?;
        } else {
            output::line(&format!("{name}: installed, at {fields} by pg_cron's clock"))?;
        }
        Ok(Exit::Ok)
    }

    async fn check(&mut self, job: &Job<'_>, json: bool) -> Result<Exit, Failure> {
        let name = job.name();
        let found = match self.found(job).await? {
            Some(found) if !found.is_ours => return Err(not_ours(job, &found)),
            found => found,
        };
        let mut procedure = asked("SELECT CAST(to_regprocedure(");
        procedure.bind(Bind::Text(format!("{}()", job.procedure))).push(") AS text)");
        let is_whole = self.cleaned.cell(&procedure).await?.is_some();
        let last = match &found {
            Some(found) => self.last(found).await?,
            None => None,
        };
        let is_active = found.as_ref().is_some_and(|found| found.is_active);
        let is_well = last.as_ref().is_none_or(|last| last.0 != "failed") && is_active && is_whole;
        if json {
            let last = last.as_ref().map(
                |(status, began, said)| json!({ "status": status, "began": began, "said": said }),
            );
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
            output::line(&format!("{name}: {state}"))?;
            let last = last.map_or("no run yet".to_owned(), |(status, began, said)| {
                format!("last run {began}: {status}: {said}")
            });
            output::line(&format!("  {last}"))?;
        }
        Ok(if is_well { Exit::Ok } else { Exit::Partly })
    }

    async fn remove(&mut self, job: &Job<'_>, json: bool) -> Result<Exit, Failure> {
        let name = job.name();
        let found = self.found(job).await?;
        match &found {
            Some(found) if !found.is_ours => return Err(not_ours(job, found)),
            Some(found) => {
                let mut sql = asked("SELECT CAST(cron.unschedule(CAST(");
                sql.bind(Bind::Text(found.id.clone())).push(" AS bigint)) AS text)");
                self.cron.cell(&sql).await?;
            }
            None => {}
        }
        let mut ours =
            asked("SELECT CAST(oid AS text) FROM pg_proc WHERE obj_description(oid, 'pg_proc') = ");
        ours.bind(Bind::Text(job.mark())).push(" AND oid = to_regprocedure(");
        ours.bind(Bind::Text(format!("{}()", job.procedure))).push(")");
        let is_whole = self.cleaned.cell(&ours).await?.is_some();
        if is_whole {
            self.cleaned.script(&format!("DROP PROCEDURE {}()", job.procedure)).await?;
        }
        let was = found.is_some() || is_whole;
        if json {
            output::json(&json!({ "version": 1, "job": name, "removed": was }))?;
        } else {
            let done = if was {
                "removed; backups and the history of runs stay"
            } else {
                "there was none"
            };
            output::line(&format!("{name}: {done}"))?;
        }
        Ok(Exit::Ok)
    }

    /// The job of that name of this user.
    async fn found(&mut self, job: &Job<'_>) -> Result<Option<Found>, Failure> {
        let mut sql = asked(JOB);
        sql.bind(Bind::Text(job.name()));
        let row = self.cron.rows(&sql).await?.into_iter().next();
        Ok(row.map(|row| {
            let [id, schedule, active, command] = <[_; 4]>::try_from(row).unwrap_or_default();
            Found {
                id: id.unwrap_or_default(),
                schedule: schedule.unwrap_or_default(),
                is_active: active.as_deref() == Some("true"),
                is_ours: command.is_some_and(|command| command.contains(MARK)),
            }
        }))
    }

    /// How it ended last, when that began, and what was said.
    async fn last(&mut self, found: &Found) -> Result<Option<(String, String, String)>, Failure> {
        let mut sql = asked(LAST_RUN);
        sql.bind(Bind::Text(found.id.clone())).push(" AS bigint) ORDER BY runid DESC LIMIT 1");
        let row = self.cron.rows(&sql).await?.into_iter().next();
        Ok(row.map(|row| {
            let [status, began, said] = <[_; 3]>::try_from(row).unwrap_or_default();
            (
                status.unwrap_or_default(),
                began.unwrap_or_default(),
                said.unwrap_or_default().trim().to_owned(),
            )
        }))
    }
}

/// A job of the name that ours has.
struct Found {
    id: String,
    schedule: String,
    is_active: bool,
    is_ours: bool,
}

fn not_ours(job: &Job<'_>, found: &Found) -> Failure {
    let (name, schedule) = (job.name(), &found.schedule);
    refused(format!(
        "there is a job {name} (at {schedule}) that tokenkeeper-worker has not made: nothing was changed; rename it, or \
         SELECT cron.unschedule({})",
        found.id
    ))
}

fn asked(statement: &'static str) -> Sql {
    let mut sql = Sql::new(Dialect::Postgres, Case::Fold);
    sql.push(statement);
    sql
}

const EXTENSION: &str =
    "SELECT CAST(extversion AS text) FROM pg_extension WHERE extname = 'pg_cron'";
const ITS_DATABASE: &str = "SELECT current_setting('cron.database_name', true)";
const ITS_ZONE: &str = "SELECT current_setting('cron.timezone', true)";
const USAGE: &str = "SELECT CAST(has_schema_privilege('cron', 'USAGE') AS text)";
const JOB: &str = "SELECT CAST(jobid AS text), schedule, CAST(active AS text), command FROM cron.job \
     WHERE username = CURRENT_USER AND jobname = ";
/// A run under way has no end.
const LAST_RUN: &str = "SELECT status, to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
     return_message FROM cron.job_run_details WHERE jobid = CAST(";
