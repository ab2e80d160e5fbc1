//! The schema: who may change it, under which lock, and what a program does that meets another one.

use std::time::Duration;
#[cfg(feature = "sqlite")]
use std::{
    fs::{File, TryLockError},
    io,
    path::PathBuf,
};

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};
#[cfg(feature = "sqlite")]
use tokio::time::sleep;
use tokio::time::timeout;

use super::{Connections, Pools, Store, StoreError, on_pool};
use crate::dialect::Dialect;

/// The schema that this version needs: the number of the last file in `migrations/`.
pub const SCHEMA_VERSION: i64 = 6;

impl Store {
    /// Brings the schema up to date. Any number of programs may do so at once.
    ///
    /// sqlx's own lock does nothing on SQLite and on MariaDB (which takes no negative timeout), so
    /// the lock is ours on each: a file beside SQLite's, `GET_LOCK`, an advisory lock.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Late`] after [`SCHEMA_CHANGE`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        schema_change(async {
            match &self.pools {
                #[cfg(feature = "sqlite")]
                Pools::Sqlite(connections) => {
                    migrate_sqlite(connections, self.url.file().unwrap_or_default()).await
                }
                #[cfg(feature = "postgres")]
                Pools::Postgres(connections) => migrate_postgres(connections).await,
                #[cfg(feature = "mysql")]
                Pools::MySql(connections) => migrate_mysql(connections).await,
            }
        })
        .await
    }

    /// Fails unless the schema is the one that this version needs.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooOld`], [`StoreError::SchemaTooNew`], or what the database said.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let needed = SCHEMA_VERSION;
        match self.schema_version().await? {
            found if found < needed => Err(StoreError::SchemaTooOld { found, needed }),
            found if found > needed => Err(StoreError::SchemaTooNew { found, needed }),
            _ => Ok(()),
        }
    }

    /// The schema's version in the database; 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        let sql = self.statement(VERSION);
        on_pool!(self, connection => {
            match sqlx::query_scalar(sql).fetch_one(&mut *connection).await {
                Err(sqlx::Error::Database(refusal)) if names_no_table(refusal.as_ref()) => Ok(0),
                other => Ok(other?),
            }
        })
    }
}

/// Bounds a change of the schema on our side too: a server that hangs must not hang a timer's run.
pub(super) async fn schema_change<T>(
    change: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(SCHEMA_CHANGE, change).await.unwrap_or(Err(StoreError::Late))
}

#[cfg(feature = "sqlite")]
async fn migrate_sqlite(
    connections: &Connections<sqlx::Sqlite>,
    file: PathBuf,
) -> Result<(), StoreError> {
    let lock = PathBuf::from(format!("{}.lock", file.display()));
    let failed = |source: std::io::Error| StoreError::File {
        path: lock.display().to_string(),
        source: source.into(),
    };
    let held =
        File::options().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
    lock_exclusively(&held).await.map_err(failed)?;
    let mut connection = connections.acquire().await?;
    migrator(Dialect::Sqlite).run_direct(None, &mut *connection, false).await.map_err(migration)
}

#[cfg(feature = "sqlite")]
/// Waits for other programs' migrations. Asked again and again, because a thread that waits in the
/// system for a lock could not be told to give up.
async fn lock_exclusively(file: &File) -> io::Result<()> {
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(LOCK_RETRY).await,
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
}

#[cfg(feature = "postgres")]
async fn migrate_postgres(connections: &Connections<sqlx::Postgres>) -> Result<(), StoreError> {
    let mut connection = connections.acquire().await?;
    connection.close_on_drop();
    sqlx::query(
        "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false)",
    )
    .bind(LOCK_WAIT.as_millis().to_string())
    .execute(&mut *connection)
    .await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK_KEY).execute(&mut *connection).await?;
    let result = migrator(Dialect::Postgres).run_direct(None, &mut *connection, false).await;
    let view = match &result {
        Ok(()) => super::tutorial::create_view(&mut connection).await,
        Err(_) => Ok(()),
    };
    // The session's end frees the lock and drops the longer timeouts, also after a failure.
    drop(connection);
    result.map_err(migration)?;
    Ok(view?)
}

#[cfg(feature = "mysql")]
async fn migrate_mysql(connections: &Connections<sqlx::MySql>) -> Result<(), StoreError> {
    let mut connection = connections.acquire().await?;
    connection.close_on_drop();
    // A name may have 64 characters. MySQL 9.7 has neither MD5 nor SHA1 by itself.
    let got: Option<i64> = sqlx::query_scalar(
        "SELECT GET_LOCK(CONCAT('tokenkeeper.', LEFT(SHA2(DATABASE(), 256), 32)), ?)",
    )
    .bind(LOCK_WAIT.as_secs())
    .fetch_one(&mut *connection)
    .await?;
    if got != Some(1) {
        return Err(sqlx::Error::PoolTimedOut.into());
    }
    let result = match forget_unfinished(&mut connection).await {
        Ok(()) => migrator(Dialect::MySql).run_direct(None, &mut *connection, false).await,
        Err(error) => Err(error.into()),
    };
    drop(connection);
    result.map_err(migration)
}

#[cfg(feature = "mysql")]
/// Schema changes are no transactions here: a program that died in the middle of one has left a mark
/// that sqlx takes for damage. Each of our files may be run again, and under the lock nobody else
/// is at it.
async fn forget_unfinished(connection: &mut sqlx::MySqlConnection) -> Result<(), sqlx::Error> {
    let forgotten = sqlx::query("DELETE FROM _sqlx_migrations WHERE success = FALSE");
    match forgotten.execute(connection).await {
        Err(sqlx::Error::Database(refusal)) if names_no_table(refusal.as_ref()) => Ok(()),
        other => other.map(drop),
    }
}

/// Migrations from the files, embedded; sqlx's `migrate!` would drag its macros in.
fn migrator(dialect: Dialect) -> Migrator {
    let migrations = files(dialect).into_iter().zip(1..).map(|((name, sql), version)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_locking(false);
    migrator
}

/// The embedded files of one database, in order.
macro_rules! embedded {
    ($folder:literal) => {
        embedded!($folder: "0001_tokens", "0002_token_status", "0003_token_events", "0004_last_run",
            "0005_cleanup_totals", "0006_notify_due")
    };
    ($folder:literal: $($name:literal),+) => {
        [$(($name, include_str!(concat!("../../../migrations/", $folder, "/", $name, ".sql")))),+]
    };
}

fn files(dialect: Dialect) -> [(&'static str, &'static str); 6] {
    match dialect {
        Dialect::Sqlite => embedded!("sqlite"),
        Dialect::Postgres => embedded!("postgres"),
        Dialect::MySql => embedded!("mysql"),
    }
}

fn migration(error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::VersionMissing(found) => {
            StoreError::SchemaTooNew { found, needed: SCHEMA_VERSION }
        }
        MigrateError::Execute(error) => error.into(),
        other => StoreError::Migration(other.to_string()),
    }
}

/// `undefined_table` on PostgreSQL, 42S02 on MySQL; SQLite has the text only.
fn names_no_table(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    code == "42P01" || code == "42S02" || refusal.message().starts_with("no such table")
}

const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";

/// How long a change of the schema may take in all, the wait for other programs' ones included: minutes
/// where the table has millions of rows.
pub const SCHEMA_CHANGE: Duration = Duration::from_secs(600);

#[cfg(feature = "sqlite")]
/// Unnoticed by people, and no load.
const LOCK_RETRY: Duration = Duration::from_millis(20);

#[cfg(any(feature = "postgres", feature = "mysql"))]
/// Long enough for forty programs that start at once on a small machine.
const LOCK_WAIT: Duration = Duration::from_secs(60);

#[cfg(feature = "postgres")]
/// "tokenkpr" in ASCII: an advisory lock's number is the whole server's.
const LOCK_KEY: i64 = 0x746f_6b65_6e6b_7072;
