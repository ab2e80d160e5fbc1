//! The shared database: one `Store` over three pools, one copy of each statement.
//! Each theme has a file: `read`, `claim`, `commit`, `enrol`, `migrate`; rules are not decided here.

#[cfg(feature = "postgres")]
mod changes;
mod claim;
mod cleanup_totals;
mod commit;
mod connect;
mod connections;
mod enrol;
mod error;
mod events;
mod last_run;
mod migrate;
mod next_due;
mod read;
mod record;
mod refused;
mod report;
mod rights;
mod row;
mod tally;
#[cfg(feature = "postgres")]
mod tutorial;

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

#[cfg(feature = "postgres")]
pub use self::changes::{Change, Changes};
use self::connections::Connections;
#[cfg(feature = "postgres")]
pub use self::tutorial::Adopted;
pub use self::{
    claim::{Due, DueCursor, LEASE, Unopened},
    cleanup_totals::{CleanupEnd, CleanupTotal},
    commit::{Commit, Release},
    connect::Role,
    enrol::NAMES_AT_ONCE,
    error::StoreError,
    events::{EVENTS_AT_ONCE, Event, HISTORY_KEPT},
    migrate::{SCHEMA_CHANGE, SCHEMA_VERSION},
    record::Prepared,
    refused::Refused,
    report::Report,
    tally::Tally,
};
use crate::{
    clock::{self, Clock, SystemClock},
    database_url::DatabaseUrl,
    dialect::Dialect,
    seal::Seal,
};

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("choose at least one database: the features sqlite, postgres, mysql");

/// The database in which tokens are kept. Cheap to clone: clones share the connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    url: DatabaseUrl,
    seal: Seal,
    clock: Arc<dyn Clock>,
    /// In the database's dialect: what consumers ask again and again is written once.
    read: sqlx::SqlStr,
}

/// One of the pools whose drivers are there. Not `sqlx::Any`: that has neither UUID nor BOOLEAN.
#[derive(Clone)]
enum Pools {
    #[cfg(feature = "sqlite")]
    Sqlite(Connections<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Connections<sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Connections<sqlx::MySql>),
}

/// Instantiates one body for a connection of each kind, so that each statement is written once and
/// still binds and decodes the database's native types. The body is bounded: a server that hangs
/// must not hang us.
macro_rules! on_pool {
    ($store:expr, $connection:ident => $body:expr) => {
        match &$store.pools {
            #[cfg(feature = "sqlite")]
            crate::store::Pools::Sqlite(pool) => crate::store::bounded!(pool, $connection => $body),
            #[cfg(feature = "postgres")]
            crate::store::Pools::Postgres(pool) => crate::store::bounded!(pool, $connection => $body),
            #[cfg(feature = "mysql")]
            crate::store::Pools::MySql(pool) => crate::store::bounded!(pool, $connection => $body),
        }
    };
}
use on_pool;

/// One connection's share of [`on_pool`].
macro_rules! bounded {
    ($pool:expr, $connection:ident => $body:expr) => {{
        let mut $connection = $pool.acquire().await?;
        let ended = crate::store::in_time(async { $body }).await;
        $connection.ended(&ended);
        ended
    }};
}
use bounded;

impl Store {
    /// Prepares connections; the first statement makes them. For the worker on SQLite the file is
    /// created, readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError`] when the address cannot be used or the file cannot be made.
    pub fn open(url: DatabaseUrl, seal: Seal, role: Role) -> Result<Self, StoreError> {
        let pools = connect::pools(&url, role)?;
        let read = url.dialect().statement(read::READ, 0);
        Ok(Self { pools, url, seal, clock: Arc::new(SystemClock::new()), read })
    }

    /// The address, for messages.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether secrets are sealed before they are stored.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self.seal, Seal::With(_))
    }

    /// Reads the database's clock and ties it to this host's monotonic one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn time(&self) -> Result<DatabaseTime, StoreError> {
        let before = self.clock.monotonic();
        let sql = self.statement("SELECT {now}");
        let millis: i64 = on_pool!(self, connection => {
            Ok(sqlx::query_scalar(sql).fetch_one(&mut *connection).await?)
        })?;
        // The middle of the round trip is off by half of it at most.
        let read_at = before + self.clock.monotonic().saturating_sub(before) / 2;
        Ok(DatabaseTime { utc: clock::from_millis(millis), read_at, clock: self.clock.clone() })
    }

    /// This host's monotonic clock: what [`Store::carried_on`] wants to know from before a question.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// This host's clocks.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// A time that came with the answer to a question asked at `asked_at`, carried on. It runs ahead
    /// by what the answer took: what is valid by it is valid.
    #[must_use]
    pub fn carried_on(&self, utc: DateTime<Utc>, asked_at: Duration) -> DatabaseTime {
        DatabaseTime { utc, read_at: asked_at, clock: self.clock.clone() }
    }

    /// Closes all connections; on SQLite this folds the write-ahead log into the file.
    pub async fn close(&self) {
        match &self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Pools::MySql(pool) => pool.close().await,
        }
    }

    fn dialect(&self) -> Dialect {
        self.url.dialect()
    }

    fn statement(&self, portable: &'static str) -> sqlx::SqlStr {
        self.dialect().statement(portable, 0)
    }
}

async fn in_time<T>(body: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STATEMENT, body).await.unwrap_or(Err(StoreError::Late))
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({})", self.url)
    }
}

/// The database's time, read once and carried on by the monotonic clock: no host's wall clock
/// decides who holds a lease or what is due.
#[derive(Debug, Clone)]
pub struct DatabaseTime {
    utc: DateTime<Utc>,
    read_at: Duration,
    clock: Arc<dyn Clock>,
}

impl DatabaseTime {
    /// A time that stands at `utc` now and goes on as `clock` does.
    #[must_use]
    pub fn starting_at(utc: DateTime<Utc>, clock: Arc<dyn Clock>) -> Self {
        Self { utc, read_at: clock.monotonic(), clock }
    }

    /// What the database's clock shows now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        clock::after(self.utc, self.clock.monotonic().saturating_sub(self.read_at))
    }
}

/// How long one statement may take in all: what the server itself allows (30 s, of which 10 s for
/// a lock), and some more for a network that delays.
const STATEMENT: Duration = Duration::from_secs(40);
