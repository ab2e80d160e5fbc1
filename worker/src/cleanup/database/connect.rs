//! Connections to a database that is cleaned.

use std::{io, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Executor,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokenkeeper_shared::{database_url::DatabaseUrl, dialect::Dialect, store::StoreError};

use super::Pools;

/// What may be done to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing is changed, and the database sees to it.
    Look,
    /// Rows are deleted and restored.
    Change,
}

pub(super) fn pools(url: &DatabaseUrl, access: Access) -> Result<Pools, StoreError> {
    match url.dialect() {
        Dialect::Sqlite => sqlite(url, access).map(Pools::Sqlite),
        Dialect::Postgres => postgres(url, access).map(Pools::Postgres),
        Dialect::MySql => mysql(url, access).map(Pools::MySql),
    }
}

fn sqlite(url: &DatabaseUrl, access: Access) -> Result<sqlx::SqlitePool, StoreError> {
    let file = url.file().unwrap_or_default();
    if !file.exists() {
        let source =
            io::Error::new(io::ErrorKind::NotFound, "there is no such file: name the product's");
        return Err(StoreError::File { path: file.display().to_string(), source: source.into() });
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(LOCK_WAIT)
        .foreign_keys(true)
        .read_only(access == Access::Look);
    Ok(SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_lazy_with(options.disable_statement_logging()))
}

fn postgres(url: &DatabaseUrl, access: Access) -> Result<sqlx::PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url.expose())?;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_WAIT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(POSTGRES_SESSION).await?;
                if access == Access::Look {
                    connection.execute("SET default_transaction_read_only = on").await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options.disable_statement_logging()))
}

/// The session keeps the server's time zone, against the driver's habit: a TIMESTAMP is read as the
/// product wrote it only in the zone that the product's sessions have.
fn mysql(url: &DatabaseUrl, access: Access) -> Result<sqlx::MySqlPool, StoreError> {
    let options = MySqlConnectOptions::from_str(url.expose())?.timezone(None);
    Ok(MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_WAIT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(MYSQL_SESSION).await?;
                if access == Access::Look {
                    connection.execute("SET SESSION TRANSACTION READ ONLY").await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options.disable_statement_logging()))
}

/// No statement waits long for a lock, and none takes several cores: the product comes first. Counting a large
/// table takes its time.
const POSTGRES_SESSION: &str = "SET lock_timeout = '2s'; SET statement_timeout = '10min'; \
     SET max_parallel_workers_per_gather = 0; SET default_transaction_isolation = 'read committed'";

/// Zero dates are read as they are; nothing is cut silently; a key that is 0 comes back as 0.
const MYSQL_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', \
     SESSION innodb_lock_wait_timeout = 2, SESSION lock_wait_timeout = 2; \
     SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

const ACQUIRE_WAIT: Duration = Duration::from_secs(5);
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// One that works and one that looks beside it.
const CONNECTIONS: u32 = 2;
