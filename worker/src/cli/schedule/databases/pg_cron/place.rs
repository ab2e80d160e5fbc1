//! The database that is cleaned and the one that has `pg_cron`: whether the job is there, and making and removing it.

use tokenkeeper_shared::exit::Failure;

use super::super::{
    refused,
    sides::{Sides, asked, row_of},
};
use crate::{
    cleanup::{script::Job, sql::Bind},
    schedule::databases::{MARK, pg_cron::PgCron},
};

/// The cleaned database, and the one with the extension.
pub(super) struct Place(pub(super) Sides);

impl Place {
    /// That the extension is there, and may be used.
    pub(super) async fn is_ready(&mut self) -> Result<(), Failure> {
        let there = self.0.scheduler.cell(&asked(EXTENSION)).await?;
        if there.is_none() {
            let other =
                self.0.scheduler.cell(&asked(ITS_DATABASE)).await?.filter(|name| !name.is_empty());
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
        if self.0.scheduler.cell(&asked(USAGE)).await?.as_deref() != Some("true") {
            let user = self.0.scheduler.cell(&asked("SELECT quote_ident(current_user)")).await?;
            let user = user.unwrap_or_default();
            return Err(refused(format!(
                "this user may not use pg_cron: have a superuser GRANT USAGE ON SCHEMA cron TO {user}"
            )));
        }
        Ok(())
    }

    /// The zone of its clock, where the server says one.
    pub(super) async fn zone(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.0.scheduler.cell(&asked(ITS_ZONE)).await?.filter(|zone| !zone.is_empty()))
    }

    pub(super) async fn install(&mut self, job: &Job<'_>, texts: &PgCron) -> Result<(), Failure> {
        self.ours(job).await?;
        self.0.cleaned.script(&texts.procedure).await?;
        self.0.scheduler.script(&texts.job).await?;
        Ok(())
    }

    /// Takes the job and its procedure away; whether there was any of them.
    pub(super) async fn remove(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let found = self.ours(job).await?;
        if let Some(found) = &found {
            let mut sql = asked("SELECT CAST(cron.unschedule(CAST(");
            sql.bind(Bind::Text(found.id.clone())).push(" AS bigint)) AS text)");
            self.0.scheduler.cell(&sql).await?;
        }
        let was = self.0.drop_procedure(job).await?;
        Ok(found.is_some() || was)
    }

    /// Our job, where it is there.
    ///
    /// # Errors
    /// Where the one of that name is somebody else's.
    pub(super) async fn ours(&mut self, job: &Job<'_>) -> Result<Option<Found>, Failure> {
        let mut sql = asked(JOB);
        sql.bind(Bind::Text(job.name()));
        let Some(row) = self.0.scheduler.rows(&sql).await?.into_iter().next() else {
            return Ok(None);
        };
        let [id, schedule, active, command] = row_of(row);
        if !command.contains(MARK) {
            let name = job.name();
            return Err(refused(format!(
                "there is a job {name} (at {schedule}) that tokenkeeper-worker has not made: nothing was changed; rename \
                 it, or SELECT cron.unschedule({id})"
            )));
        }
        Ok(Some(Found { id, schedule, is_active: active == "true" }))
    }

    /// How it went last.
    pub(super) async fn last(&mut self, found: &Found) -> Result<Option<Last>, Failure> {
        let mut sql = asked(LAST_RUN);
        sql.bind(Bind::Text(found.id.clone())).push(" AS bigint) ORDER BY runid DESC LIMIT 1");
        let row = self.0.scheduler.rows(&sql).await?.into_iter().next();
        Ok(row.map(|row| {
            let [status, began, said] = row_of(row);
            Last { status, began, said: said.trim().to_owned() }
        }))
    }
}

/// Our job.
pub(super) struct Found {
    id: String,
    pub(super) schedule: String,
    pub(super) is_active: bool,
}

/// Its last run.
pub(super) struct Last {
    pub(super) status: String,
    pub(super) began: String,
    /// What the server has said of it.
    pub(super) said: String,
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
