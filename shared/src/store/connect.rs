//! How connections are made on each database, and what a session is told first.

#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::str::FromStr;
use std::time::Duration;
#[cfg(feature = "sqlite")]
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use sqlx::ConnectOptions;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use sqlx::Executor;
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use super::{Connections, Pools, StoreError};
use crate::{database_url::DatabaseUrl, dialect::Dialect};

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Writes; on SQLite creates the file.
    Worker,
    /// Reads only.
    Consumer,
    /// A consumer that reports a refused token: writes, and creates nothing.
    Reporter,
}

pub(super) fn pools(url: &DatabaseUrl, role: Role) -> Result<Pools, StoreError> {
    match url.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            let pool = sqlite(&url.file().unwrap_or_default(), role)?;
            Ok(Pools::Sqlite(Connections::of(pool)))
        }
        #[cfg(feature = "postgres")]
        Dialect::Postgres => Ok(Pools::Postgres(Connections::of(postgres(url.expose(), role)?))),
        #[cfg(feature = "mysql")]
        Dialect::MySql => Ok(Pools::MySql(Connections::of(mysql(url.expose(), role)?))),
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(StoreError::NoDriver(other)),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(file: &Path, role: Role) -> Result<sqlx::SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(LOCK_WAIT);
    let options = match role {
        Role::Worker => {
            make_private(file)?;
            // secure_delete: a superseded token must not linger in free pages.
            options.journal_mode(SqliteJournalMode::Wal).pragma("secure_delete", "ON")
        }
        Role::Consumer | Role::Reporter if !file.exists() => {
            return Err(StoreError::NoFile(file.display().to_string()));
        }
        Role::Consumer => options.read_only(true),
        Role::Reporter => options,
    };
    // One connection: SQLite has one writer, and several of ours would only wait for each other.
    Ok(SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_lazy_with(options.disable_statement_logging()))
}

#[cfg(feature = "sqlite")]
/// The file is made before SQLite makes it, because SQLite gives its write-ahead log the same mode.
fn make_private(file: &Path) -> Result<(), StoreError> {
    let failed = |source: std::io::Error| StoreError::File {
        path: file.display().to_string(),
        source: source.into(),
    };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
            if mode & 0o007 != 0 {
                tracing::warn!(
                    "{} can be read by everybody on this machine: run `chmod 600` on it",
                    file.display()
                );
            }
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(feature = "postgres")]
/// sqlx's ping before each statement is a round trip of its own. Workers and consumers go without: a
/// connection that has died costs them one more try, which they make anyway.
fn postgres(url: &str, role: Role) -> Result<sqlx::PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)?;
    Ok(PgPoolOptions::new()
        .max_connections(connections(role))
        .acquire_timeout(ACQUIRE_WAIT)
        .test_before_acquire(role == Role::Reporter)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(POSTGRES_SESSION).await.map(drop) })
        })
        .connect_lazy_with(options.disable_statement_logging()))
}

#[cfg(feature = "mysql")]
fn mysql(url: &str, role: Role) -> Result<sqlx::MySqlPool, StoreError> {
    let options = MySqlConnectOptions::from_str(url)?;
    Ok(MySqlPoolOptions::new()
        .max_connections(connections(role))
        .acquire_timeout(ACQUIRE_WAIT)
        .test_before_acquire(role == Role::Reporter)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(MYSQL_SESSION).await.map(drop) })
        })
        .connect_lazy_with(options.disable_statement_logging()))
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn connections(role: Role) -> u32 {
    match role {
        Role::Worker => WORKER_CONNECTIONS,
        Role::Consumer | Role::Reporter => 1,
    }
}

#[cfg(feature = "postgres")]
/// Bounds what one statement may wait for; READ COMMITTED because each change is one statement
/// that judges the newest row.
const POSTGRES_SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '30s'; \
     SET default_transaction_isolation = 'read committed'";

#[cfg(feature = "mysql")]
/// Strict mode: without it a value that is too long is cut silently. Locks on tables have a bound of
/// their own, a day unless it is set.
const MYSQL_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     SESSION innodb_lock_wait_timeout = 10, SESSION lock_wait_timeout = 10; \
     SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Long enough for a database that is just starting, short enough for a timer.
pub(super) const ACQUIRE_WAIT: Duration = Duration::from_secs(5);
#[cfg(feature = "sqlite")]
/// The same bound on each database.
const LOCK_WAIT: Duration = Duration::from_secs(10);
#[cfg(any(feature = "postgres", feature = "mysql"))]
/// Commits of a pass run beside each other; more than this only queue in the server.
const WORKER_CONNECTIONS: u32 = 8;
