//! The database's clock as published rules ask for it: `now()` in the zone of the session. It stands at the
//! fixtures' time.

use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

use crate::{ground::Ground, harness::databases::Kind, published::now};

pub struct Clock {
    pub kind: Kind,
    zone: Tz,
}

impl Clock {
    pub fn of(ground: &Ground) -> Self {
        Self { kind: ground.place.kind, zone: ground.zone.parse().unwrap() }
    }

    /// What gives a session the product's zone and that clock. PostgreSQL's `now()` is another function of that
    /// name, `NOW()` of MariaDB is its own.
    pub fn set(&self) -> Vec<String> {
        let unix = now().timestamp();
        match self.kind {
            Kind::Postgres => vec![
                format!("SET LOCAL timezone = '{}'", self.zone),
                "CREATE SCHEMA clock".to_owned(),
                format!(
                    "CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE \
                     AS 'SELECT to_timestamp({unix})'"
                ),
                "SET LOCAL search_path = clock, public, dbo, pg_catalog".to_owned(),
            ],
            // As in the sessions of the product: an overflow is NULL, not an error.
            Kind::MySql => vec![format!("SET timestamp = {unix}, sql_mode = ''")],
            // It has no sessions' zone: a program writes its own wall clock.
            Kind::Sqlite => Vec::new(),
        }
    }

    /// The wall clock of the session's zone, so many minutes ago.
    pub fn local(&self, minutes: i64) -> String {
        match self.kind {
            Kind::Postgres => format!("(now()::timestamp - interval '{minutes} minutes')"),
            Kind::MySql => format!("DATE_SUB(NOW(), INTERVAL {minutes} MINUTE)"),
            Kind::Sqlite => literal(now().with_timezone(&self.zone).naive_local(), minutes),
        }
    }

    /// The wall clock of UTC, so many minutes ago.
    pub fn utc(&self, minutes: i64) -> String {
        match self.kind {
            Kind::Postgres => format!("(timezone('UTC', now()) - interval '{minutes} minutes')"),
            // `UTC_TIMESTAMP` keeps to the clock that is set, too.
            Kind::MySql => format!("DATE_SUB(UTC_TIMESTAMP(), INTERVAL {minutes} MINUTE)"),
            Kind::Sqlite => literal(now().naive_utc(), minutes),
        }
    }

    /// Seconds since 1970, which are the same in each zone.
    pub fn unix(&self) -> String {
        match self.kind {
            Kind::Postgres => "CAST(EXTRACT(EPOCH FROM now()) AS bigint)".to_owned(),
            Kind::MySql => "UNIX_TIMESTAMP()".to_owned(),
            Kind::Sqlite => now().timestamp().to_string(),
        }
    }

    /// Whether a time with a life in milliseconds lies before a cut-off. WSO2's script for MySQL adds the two; no
    /// other database would give NULL for a sum that is too large.
    pub fn is_past(&self, cut: &str, created: &str, life: &str) -> String {
        match self.kind {
            Kind::Postgres => format!("EXTRACT(EPOCH FROM {cut} - {created}) * 1000 > {life}"),
            Kind::MySql => format!("{cut} > DATE_ADD({created}, INTERVAL {life} / 1000 SECOND)"),
            Kind::Sqlite => format!("(unixepoch({cut}) - unixepoch({created})) * 1000 > {life}"),
        }
    }
}

fn literal(wall: NaiveDateTime, minutes: i64) -> String {
    format!("'{}'", (wall - TimeDelta::minutes(minutes)).format("%Y-%m-%d %H:%M:%S"))
}
