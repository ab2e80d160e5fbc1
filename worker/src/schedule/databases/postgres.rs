//! What all schedulers of PostgreSQL share: the procedure, and what calls it.

use super::MARK;
use crate::cleanup::script::Job;

/// Makes the procedure of this text, and marks it as ours.
#[must_use]
pub fn procedure(job: &Job<'_>, text: &str) -> String {
    PROCEDURE
        .replace("{procedure}", job.procedure.as_str())
        .replace("{ours}", &job.mark())
        .replace("{text}", text.trim())
}

/// What a job of ours runs.
#[must_use]
pub fn command(job: &Job<'_>) -> String {
    format!("CALL {}() {MARK}", job.procedure)
}

/// A text of PostgreSQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

const PROCEDURE: &str = "\
BEGIN;
-- A procedure of the same name that is somebody else's stays as it is.
DO $tokenkeeper$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_proc WHERE oid = to_regprocedure('{procedure}()')
    AND COALESCE(obj_description(oid, 'pg_proc'), '') NOT LIKE 'tokenkeeper-worker schedule: %') THEN
    RAISE EXCEPTION 'there is a procedure {procedure} that tokenkeeper-worker has not made: rename it';
  END IF;
END
$tokenkeeper$;
{text}
COMMENT ON PROCEDURE {procedure}() IS '{ours}';
-- Others may not begin it.
REVOKE ALL ON PROCEDURE {procedure}() FROM PUBLIC;
COMMIT;
";
