//! PostgreSQL with `pg_cron`: the procedure, and the job that calls it.

use super::{MARK, postgres, postgres::quoted};
use crate::cleanup::script::Job;

/// The texts of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgCron {
    /// Makes the procedure, where the rows are.
    pub procedure: String,
    /// Makes the job, where `pg_cron` is.
    pub job: String,
}

impl PgCron {
    /// The procedure with its text, at these five fields by `pg_cron`'s clock; `elsewhere` is the database that is cleaned, where
    /// that is not `pg_cron`'s own.
    #[must_use]
    pub fn new(job: &Job<'_>, text: &str, fields: &str, elsewhere: Option<&str>) -> Self {
        let name = job.name();
        let command = quoted(&postgres::command(job));
        let call = match elsewhere {
            None => format!("cron.schedule('{name}', '{fields}', {command})"),
            Some(database) => format!(
                "cron.schedule_in_database('{name}', '{fields}', {command}, {})",
                quoted(database)
            ),
        };
        let made = JOB.replace("{name}", &name).replace("{mark}", MARK).replace("{call}", &call);
        Self { procedure: postgres::procedure(job, text), job: made }
    }
}

const JOB: &str = "\
BEGIN;
DO $tokenkeeper$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_cron') THEN
    RAISE EXCEPTION 'the extension pg_cron is not in this database: see docs/schedule-databases.md';
  END IF;
  -- A job of the same name that is somebody else's stays as it is.
  IF EXISTS (SELECT 1 FROM cron.job WHERE jobname = '{name}' AND username = CURRENT_USER
    AND command NOT LIKE '%{mark}%') THEN
    RAISE EXCEPTION 'there is a job {name} that tokenkeeper-worker has not made: rename it';
  END IF;
END
$tokenkeeper$;
-- By its own clock, which is GMT unless cron.timezone says otherwise. A job of this name is changed, not doubled.
SELECT {call};
COMMIT;
";
