//! The database that is cleaned and the one that has `pg_cron`: whether the job is there, and making and removing it.

use tokenkeeper_shared::{database_url::DatabaseUrl, exit::Failure};

use super::super::refused;
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

/// The cleaned database, and the one with the extension: mostly the same.
pub(super) struct Place {
    cleaned: Session,
    cron: Session,
    /// The cleaned one's name, where they differ.
    pub(super) elsewhere: Option<String>,
}

impl Place {
    /// Both; `cron` is the other one's name.
    pub(super) async fn open(url: &DatabaseUrl, cron: Option<&str>) -> Result<Self, Failure> {
        let session = async |url: DatabaseUrl| {
            Ok::<_, Failure>(Database::open(url, Access::Change)?.session().await?)
        };
        let mut cleaned = session(url.clone()).await?;
        let Some(name) = cron else {
            return Ok(Self { cron: session(url.clone()).await?, cleaned, elsewhere: None });
        };
        let beside = url.on_same_server(name, &[]).map_err(|error| refused(error.to_string()))?;
        let own = cleaned.cell(&asked("SELECT CAST(current_database() AS text)")).await?;
        let elsewhere = own.filter(|own| own != name);
        Ok(Self { cron: session(beside).await?, cleaned, elsewhere })
    }

    /// That the extension is there, and may be used.
    pub(super) async fn is_ready(&mut self) -> Result<(), Failure> {
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
            let user = self.cron.cell(&asked("SELECT quote_ident(current_user)")).await?;
            let user = user.unwrap_or_default();
            return Err(refused(format!(
                "this user may not use pg_cron: have a superuser GRANT USAGE ON SCHEMA cron TO {user}"
            )));
        }
        Ok(())
    }

    /// The zone of its clock, where the server says one.
    pub(super) async fn zone(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.cron.cell(&asked(ITS_ZONE)).await?.filter(|zone| !zone.is_empty()))
    }

    pub(super) async fn install(&mut self, job: &Job<'_>, texts: &PgCron) -> Result<(), Failure> {
        self.ours(job).await?;
        self.cleaned.script(&texts.procedure).await?;
        self.cron.script(&texts.job).await?;
        Ok(())
    }

    pub(super) async fn has_procedure(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let mut sql = asked("SELECT CAST(to_regprocedure(");
        sql.bind(Bind::Text(format!("{}()", job.procedure))).push(") AS text)");
        Ok(self.cleaned.cell(&sql).await?.is_some())
    }

    /// Takes the job and its procedure away; whether there was any of them.
    pub(super) async fn remove(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let found = self.ours(job).await?;
        if let Some(found) = &found {
            let mut sql = asked("SELECT CAST(cron.unschedule(CAST(");
            sql.bind(Bind::Text(found.id.clone())).push(" AS bigint)) AS text)");
            self.cron.cell(&sql).await?;
        }
        let mut ours =
            asked("SELECT CAST(oid AS text) FROM pg_proc WHERE obj_description(oid, 'pg_proc') = ");
        ours.bind(Bind::Text(job.mark())).push(" AND oid = to_regprocedure(");
        ours.bind(Bind::Text(format!("{}()", job.procedure))).push(")");
        let is_whole = self.cleaned.cell(&ours).await?.is_some();
        if is_whole {
            self.cleaned.script(&format!("DROP PROCEDURE {}()", job.procedure)).await?;
        }
        Ok(found.is_some() || is_whole)
    }

    /// Our job, where it is there.
    ///
    /// # Errors
    /// Where the one of that name is somebody else's.
    pub(super) async fn ours(&mut self, job: &Job<'_>) -> Result<Option<Found>, Failure> {
        let mut sql = asked(JOB);
        sql.bind(Bind::Text(job.name()));
        let Some(row) = self.cron.rows(&sql).await?.into_iter().next() else { return Ok(None) };
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
        let row = self.cron.rows(&sql).await?.into_iter().next();
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

/// A row's cells; what is not there is no text.
fn row_of<const N: usize>(row: Vec<Option<String>>) -> [String; N] {
    let mut cells = row.into_iter();
    std::array::from_fn(|_| cells.next().flatten().unwrap_or_default())
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
