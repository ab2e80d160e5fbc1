//! The table of runs. It lies in the connection's own schema, and is never dropped.

use tokenkeeper_shared::store::StoreError;

use super::sql;
use crate::cleanup::{database::Session, dialect::Dialect};

pub(super) async fn make(session: &mut Session) -> Result<(), StoreError> {
    if is_there(session).await? {
        return Ok(());
    }
    let mut create = sql(session);
    create.push(match session.dialect() {
        Dialect::MySql => MYSQL,
        _ => OTHER,
    });
    match session.run(&create).await {
        // PostgreSQL may refuse one of two who make it at the same moment.
        Err(_) if is_there(session).await? => Ok(()),
        other => other.map(drop),
    }
}

pub(super) async fn is_there(session: &mut Session) -> Result<bool, StoreError> {
    let mut look = sql(session);
    look.push(match session.dialect() {
        Dialect::Postgres => "SELECT CAST(to_regclass('tokenkeeper_cleanup_runs') AS text)",
        Dialect::MySql => {
            "SELECT CAST(MIN(table_name) AS CHAR) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = 'tokenkeeper_cleanup_runs'"
        }
        _ => "SELECT name FROM sqlite_master WHERE name = 'tokenkeeper_cleanup_runs'",
    });
    Ok(session.cell(&look).await?.is_some())
}

macro_rules! table {
    ($text:literal, $long:literal) => {
        concat!(
            "CREATE TABLE IF NOT EXISTS tokenkeeper_cleanup_runs (run VARCHAR(36)", $text, " NOT NULL PRIMARY KEY, \
             policy VARCHAR(64)", $text, " NOT NULL, digest VARCHAR(64)", $text, " NOT NULL, slot VARCHAR(64)", $text,
            " NOT NULL, status VARCHAR(16)", $text, " NOT NULL, runner VARCHAR(255) NOT NULL, fence BIGINT NOT NULL, \
             lease_until BIGINT NOT NULL, cut_off BIGINT NOT NULL, server_offset BIGINT NOT NULL, started_at BIGINT NOT NULL, \
             ended_at BIGINT, restored BIGINT DEFAULT 0 NOT NULL, loaded BIGINT DEFAULT 0 NOT NULL, progress ", $long, " NOT NULL, UNIQUE (policy, slot))"
        )
    };
}

/// Makes it on MySQL.
pub const MYSQL: &str = table!(" CHARACTER SET ascii COLLATE ascii_bin", "MEDIUMTEXT");
/// Makes it elsewhere.
pub const OTHER: &str = table!("", "TEXT");
