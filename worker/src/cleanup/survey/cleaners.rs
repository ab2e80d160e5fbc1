//! What else cleans these tables: jobs of the databases' own schedulers that name one of them.

use tokenkeeper_shared::store::StoreError;

use super::Survey;
use crate::cleanup::{dialect::Dialect, sql::Bind};

/// A statement around the pattern, and who is found by it.
type Scheduler = (&'static str, &'static str, &'static str, &'static str);

impl Survey<'_> {
    pub(super) async fn cleaners(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for (name, table, before, after) in schedulers(self.database.dialect()) {
            if !self.has(table).await? {
                continue;
            }
            for target in &self.policy.targets {
                let mut sql = self.sql();
                sql.push(before)
                    .bind(Bind::Text(format!("%{}%", target.table.as_str().to_lowercase())));
                sql.push(after);
                match self.database.rows(&sql).await {
                    Ok(rows) => found.extend(
                        rows.into_iter().flatten().flatten().map(|job| format!("{name}: {job}")),
                    ),
                    // A look at other people's jobs may be refused; that is no reason to end.
                    Err(StoreError::Refused(_)) => {
                        found.push(format!("{name} is there and may not be looked at"));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    async fn has(&self, table: &'static str) -> Result<bool, StoreError> {
        if self.database.dialect() != Dialect::Postgres {
            return Ok(true);
        }
        let mut sql = self.sql();
        sql.push("SELECT CAST(to_regclass(").bind(Bind::Text(table.to_owned())).push(") AS text)");
        Ok(self.database.cell(&sql).await?.is_some())
    }
}

fn schedulers(dialect: Dialect) -> &'static [Scheduler] {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::MySql => &MYSQL,
        _ => &[],
    }
}

const POSTGRES: [Scheduler; 2] = [
    (
        "pg_cron",
        "cron.job",
        "SELECT CAST(jobid AS text) FROM cron.job WHERE active AND lower(command) LIKE ",
        "",
    ),
    (
        "pgAgent",
        "pgagent.pga_jobstep",
        "SELECT CAST(j.jobname AS text) FROM pgagent.pga_job j JOIN pgagent.pga_jobstep s ON s.jstjobid = j.jobid \
         WHERE j.jobenabled AND s.jstenabled AND lower(s.jstcode) LIKE ",
        "",
    ),
];

const MYSQL: [Scheduler; 1] = [(
    "event",
    "",
    "SELECT CAST(event_name AS CHAR) FROM information_schema.events WHERE status = 'ENABLED' AND lower(event_definition) LIKE ",
    "",
)];
