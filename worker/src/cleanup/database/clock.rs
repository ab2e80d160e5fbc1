//! What the database's clock says, and the zone of its server's sessions.

use chrono::DateTime;
use tokenkeeper_shared::store::StoreError;

use super::Database;
use crate::cleanup::{cutoff::DatabaseClock, dialect::Dialect, policy::Case, sql::Sql};

impl Database {
    /// Reads the clock: once a run, since all cut-offs must come from one instant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clock(&self) -> Result<DatabaseClock, StoreError> {
        let mut now = Sql::new(self.dialect(), Case::Exact);
        now.push("SELECT ").text_of(millis(self.dialect()));
        let now = self.cell(&now).await?.and_then(|text| text.parse().ok());
        let utc = now.and_then(DateTime::from_timestamp_millis);
        let utc = utc.ok_or_else(|| StoreError::Row("the database tells no time".to_owned()))?;
        let offset = match self.dialect() {
            Dialect::Postgres => self.postgres_offset().await?,
            Dialect::MySql => self.number(MYSQL_OFFSET).await?,
            // A file has no server: its sessions' zone is UTC.
            _ => Some(0),
        };
        let offset = offset.and_then(|seconds| i32::try_from(seconds).ok());
        Ok(DatabaseClock::new(utc, offset.unwrap_or(LEAST_OFFSET_ON_EARTH)))
    }

    /// Our own session tells nothing: the driver sets it to UTC. What the server's files say may be read
    /// by few; without it the least offset is the careful guess.
    async fn postgres_offset(&self) -> Result<Option<i64>, StoreError> {
        if let Some(seconds) = self.number(POSTGRES_OFFSET_OF_DATABASE).await? {
            return Ok(Some(seconds));
        }
        match self.number(POSTGRES_OFFSET_OF_SERVER).await {
            Err(StoreError::Refused(_)) => Ok(None),
            other => other,
        }
    }

    async fn number(&self, statement: &'static str) -> Result<Option<i64>, StoreError> {
        let mut sql = Sql::new(self.dialect(), Case::Exact);
        sql.push(statement);
        Ok(self.cell(&sql).await?.and_then(|text| text.parse().ok()))
    }
}

/// The database's time as SQL: milliseconds since 1970.
#[must_use]
pub fn millis(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)",
        Dialect::MySql => "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)",
        _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    }
}

/// The least offset in ten years each way, looked at every other week.
pub const MYSQL_OFFSET: &str = "WITH RECURSIVE step(at, number) AS (\
     SELECT UNIX_TIMESTAMP() - 260 * 1209600, 0 UNION ALL SELECT at + 1209600, number + 1 FROM step WHERE number < 520) \
     SELECT CAST(MIN(TIMESTAMPDIFF(SECOND, DATE_ADD('1970-01-01', INTERVAL at SECOND), FROM_UNIXTIME(at))) AS CHAR) \
     FROM step";

macro_rules! postgres_offset {
    ($zone:literal) => {
        concat!(
            "SELECT CAST(CAST(MIN(EXTRACT(EPOCH FROM (at AT TIME ZONE zone) - (at AT TIME ZONE 'UTC'))) AS bigint) AS text) \
             FROM generate_series(now() - interval '10 years', now() + interval '10 years', interval '2 weeks') at, (",
            $zone,
            ") zones WHERE zone IS NOT NULL"
        )
    };
}

/// Of its sessions, by the database's settings: seconds, as text.
pub const POSTGRES_OFFSET_OF_DATABASE: &str = postgres_offset!(
    "SELECT substr(setting, 10) AS zone FROM pg_db_role_setting, unnest(setconfig) setting \
     WHERE setrole = 0 AND lower(left(setting, 9)) = 'timezone=' \
     AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
     ORDER BY setdatabase DESC LIMIT 1"
);

/// Of its sessions, by the server's files.
pub const POSTGRES_OFFSET_OF_SERVER: &str = postgres_offset!(
    "SELECT setting AS zone FROM pg_file_settings \
     WHERE lower(name) = 'timezone' AND applied ORDER BY seqno DESC LIMIT 1"
);

/// Baker Island.
pub const LEAST_OFFSET_ON_EARTH: i32 = -12 * 3600;
