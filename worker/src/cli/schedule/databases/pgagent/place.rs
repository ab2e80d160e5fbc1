//! The database that is cleaned and the one that has pgAgent: whether the job is there, and making and removing it.

use tokenkeeper_shared::{exit::Failure, store::StoreError};

use super::super::{
    refused,
    sides::{Sides, asked, row_of},
};
use crate::{
    cleanup::{script::Job, sql::Bind},
    schedule::databases::pgagent::PgAgent,
};

/// The cleaned database, and the one with pgAgent.
pub(super) struct Place(pub(super) Sides);

impl Place {
    /// That its tables are there, and may be read, or changed.
    pub(super) async fn is_ready(&mut self, to_change: bool) -> Result<(), Failure> {
        if self.0.scheduler.cell(&asked(TABLES)).await?.is_none() {
            return Err(refused(
                "there is no pgAgent in this database: install its package (pgagent) and CREATE EXTENSION pgagent; where its \
                 tables are in another database of this server (often postgres), give --agent-database NAME",
            ));
        }
        let rights = if to_change { MAY_CHANGE } else { MAY_READ };
        if self.0.scheduler.cell(&asked(rights)).await?.as_deref() == Some("true") {
            return Ok(());
        }
        let user = self.0.scheduler.cell(&asked("SELECT quote_ident(current_user)")).await?;
        let user = user.unwrap_or_default();
        let needed = if to_change { "SELECT, INSERT, UPDATE, DELETE" } else { "SELECT" };
        Err(refused(format!(
            "this user may not use pgAgent's tables: have their owner GRANT USAGE ON SCHEMA pgagent TO {user}; GRANT {needed} ON \
             ALL TABLES IN SCHEMA pgagent TO {user}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgagent TO {user}"
        )))
    }

    /// The zone of the agent's sessions: by the settings of its user (ours, where none is connected), its database and the
    /// server's files. Our own session tells nothing: the driver sets it to UTC.
    pub(super) async fn zone(&mut self) -> Result<Option<String>, Failure> {
        if let Some(zone) = self.0.scheduler.cell(&asked(ZONE_OF_SESSIONS)).await? {
            return Ok(Some(zone));
        }
        match self.0.scheduler.cell(&asked(ZONE_OF_FILES)).await {
            Err(StoreError::Refused(_)) => Ok(None),
            other => Ok(other?),
        }
    }

    /// The user of an agent that is connected.
    pub(super) async fn agent(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.0.scheduler.cell(&asked(AGENT)).await?)
    }

    pub(super) async fn may_call(&mut self, job: &Job<'_>, user: &str) -> Result<bool, Failure> {
        let mut sql = asked("SELECT CAST(has_function_privilege(CAST(");
        sql.bind(Bind::Text(user.to_owned())).push(" AS name), CAST(to_regprocedure(");
        sql.bind(Bind::Text(format!("{}()", job.procedure)));
        sql.push(") AS oid), 'EXECUTE') AS text)");
        Ok(self.0.cleaned.cell(&sql).await?.as_deref() == Some("true"))
    }

    pub(super) async fn install(&mut self, job: &Job<'_>, texts: &PgAgent) -> Result<(), Failure> {
        self.ours(job).await?;
        if !texts.procedure.is_empty() {
            self.0.cleaned.script(&texts.procedure).await?;
        }
        self.0.scheduler.script(&texts.job).await?;
        if texts.procedure.is_empty() {
            // That of an earlier job, which called one.
            self.0.drop_procedure(job).await?;
        }
        Ok(())
    }

    /// Takes the job and its procedure away; whether there was any of them.
    pub(super) async fn remove(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let found = self.ours(job).await?;
        if let Some(found) = &found {
            let mut sql = asked("DELETE FROM pgagent.pga_job WHERE jobid = CAST(");
            sql.bind(Bind::Text(found.id.clone())).push(" AS integer)");
            self.0.scheduler.run(&sql).await?;
        }
        let was = self.0.drop_procedure(job).await?;
        Ok(found.is_some() || was)
    }

    /// Our job, where it is there.
    ///
    /// # Errors
    /// Where one of that name is somebody else's.
    pub(super) async fn ours(&mut self, job: &Job<'_>) -> Result<Option<Found>, Failure> {
        let mut sql = asked(JOB);
        sql.bind(Bind::Text(job.name())).push(" ORDER BY is_ours, jobid");
        let Some(row) = self.0.scheduler.rows(&sql).await?.into_iter().next() else {
            return Ok(None);
        };
        let [id, enabled, next, is_ours, is_program] = row_of(row);
        if is_ours != "true" {
            return Err(refused(format!(
                "there is a job {} (number {id}) in pgAgent that tokenkeeper-worker has not made: nothing was changed; rename it",
                job.name()
            )));
        }
        let (is_enabled, is_program) = (enabled == "true", is_program == "true");
        Ok(Some(Found { id, is_enabled, is_program, next }))
    }

    /// How it went last.
    pub(super) async fn last(&mut self, found: &Found) -> Result<Option<Last>, Failure> {
        let mut sql = asked(LAST_RUN);
        sql.bind(Bind::Text(found.id.clone())).push(" AS integer) ORDER BY jlgid DESC LIMIT 1");
        let row = self.0.scheduler.rows(&sql).await?.into_iter().next();
        Ok(row.map(|row| {
            let [status, began, said] = row_of(row);
            let has_failed = matches!(status.as_str(), "f" | "i" | "d");
            let status = match status.as_str() {
                "s" => "succeeded",
                "r" => "running",
                "d" => "aborted",
                _ => "failed",
            };
            Last { status, has_failed, began, said: said.trim().to_owned() }
        }))
    }
}

/// Our job.
pub(super) struct Found {
    id: String,
    pub(super) is_enabled: bool,
    /// Whether its step starts a program.
    pub(super) is_program: bool,
    /// When it comes next, UTC; empty: never.
    pub(super) next: String,
}

/// Its last run.
pub(super) struct Last {
    pub(super) status: &'static str,
    pub(super) has_failed: bool,
    pub(super) began: String,
    /// What the server has said of its step.
    pub(super) said: String,
}

const TABLES: &str = "SELECT CAST(oid AS text) FROM pg_class WHERE relname = 'pga_job' AND relnamespace = \
     (SELECT oid FROM pg_namespace WHERE nspname = 'pgagent')";

macro_rules! may {
    ($rights:literal) => {
        concat!(
            "SELECT CAST(has_schema_privilege('pgagent', 'USAGE') AND bool_and(",
            $rights,
            ") AS text) FROM pg_class WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace \
             WHERE nspname = 'pgagent')"
        )
    };
}
const MAY_READ: &str = may!("has_table_privilege(oid, 'SELECT')");
const MAY_CHANGE: &str = may!(
    "has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') \
     AND has_table_privilege(oid, 'DELETE')"
);

/// Agents that have died leave their rows.
const AGENT: &str = "SELECT CAST(usename AS text) FROM pgagent.pga_jobagent JOIN pg_stat_activity ON pid = jagpid LIMIT 1";
/// A user's settings come before a database's.
const ZONE_OF_SESSIONS: &str = "SELECT substr(setting, 10) FROM pg_db_role_setting, unnest(setconfig) setting \
     WHERE lower(left(setting, 9)) = 'timezone=' AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
     AND setrole IN (0, COALESCE((SELECT usesysid FROM pgagent.pga_jobagent JOIN pg_stat_activity ON pid = jagpid LIMIT 1), \
     (SELECT oid FROM pg_roles WHERE rolname = current_user))) ORDER BY setrole = 0, setdatabase = 0 LIMIT 1";
const ZONE_OF_FILES: &str = "SELECT setting FROM pg_file_settings WHERE lower(name) = 'timezone' AND applied ORDER BY seqno DESC LIMIT 1";
const JOB: &str = "SELECT CAST(jobid AS text), CAST(jobenabled AS text), \
     to_char(jobnextrun AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
     CAST(jobdesc LIKE 'tokenkeeper-worker schedule: %' AS text) AS is_ours, \
     (SELECT CAST(bool_or(jstkind = 'b') AS text) FROM pgagent.pga_jobstep WHERE jstjobid = jobid) \
     FROM pgagent.pga_job WHERE jobname = ";
const LAST_RUN: &str = "SELECT CAST(jlgstatus AS text), to_char(jlgstart AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
     (SELECT string_agg(jsloutput, ' ') FROM pgagent.pga_jobsteplog WHERE jsljlgid = jlgid) \
     FROM pgagent.pga_joblog WHERE jlgjobid = CAST(";
