//! What can go wrong with the database, by what the caller can do. Texts never hold an address
//! or a stored value.

use std::sync::Arc;

use sqlx::error::DatabaseError;

use crate::{
    dialect::Dialect,
    exit::{Exit, Failure},
    seal::SealError,
};

/// A failed call of the store. It may be cloned, because many callers may share one call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is out of reach, overloaded or held by somebody: trying again may work.
    #[error("the database is out of reach or busy: {}", reason(.0))]
    Temporary(#[source] Arc<sqlx::Error>),
    /// The database took a statement and did not answer in time.
    #[error("the database does not answer: is its server, or the network to it, hanging?")]
    Late,
    /// The database refused: rights, a read-only server, a full disk.
    #[error("the database refused: {}", reason(.0))]
    Refused(#[source] Arc<sqlx::Error>),
    /// The address names options or parts that the driver does not take.
    #[error("the database's address (DATABASE_URL or database_url) cannot be used: {0}")]
    Address(String),
    /// What is in the database does not suit what was asked for; the text says what to do.
    #[error("{0}")]
    Unfit(String),
    /// A SQLite file that a reader expects.
    #[error(
        "there is no file {0}: run `tokenkeeper-worker migrate`, which makes it, or name another database"
    )]
    NoFile(String),
    /// The schema is missing or older than this program.
    #[error(
        "the database has schema version {found} and this program needs {needed}: run `tokenkeeper-worker migrate`"
    )]
    SchemaTooOld {
        /// What the database has; 0 when there is none.
        found: i64,
        /// What this program needs.
        needed: i64,
    },
    /// The schema is newer than this program.
    #[error(
        "the database has schema version {found} and this program knows {needed}: install the version of tokenkeeper that migrated it"
    )]
    SchemaTooNew {
        /// What the database has.
        found: i64,
        /// What this program knows.
        needed: i64,
    },
    /// A row holds what this version cannot read.
    #[error("a row cannot be read: {0}")]
    Row(String),
    /// A value does not open or cannot be sealed.
    #[error("the stored token of \"{name}\" cannot be opened: {source}")]
    Seal {
        /// The row.
        name: String,
        /// Why.
        source: SealError,
    },
    /// The migration failed.
    #[error("the schema could not be migrated: {0}")]
    Migration(String),
    /// A file or directory of SQLite.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The program was built without this database's driver.
    #[error("this program was built without a driver for {0}: build it with that feature")]
    NoDriver(Dialect),
    /// Only one of the databases can do this.
    #[error("this works on PostgreSQL only, and the store is {0}")]
    PostgresOnly(Dialect),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Temporary(_) | Self::Late)
    }

    /// The exit code that a program ends with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Temporary(_) | Self::Late => Exit::Temporary,
            Self::NoFile(_) | Self::SchemaTooOld { .. } | Self::SchemaTooNew { .. } => Exit::Schema,
            Self::Row(_) => Exit::Internal,
            Self::Refused(_)
            | Self::Address(_)
            | Self::Unfit(_)
            | Self::Seal { .. }
            | Self::Migration(_)
            | Self::File { .. }
            | Self::NoDriver(_)
            | Self::PostgresOnly(_) => Exit::Usage,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        let is_databases = !matches!(error, StoreError::Seal { .. } | StoreError::File { .. });
        Self { is_databases, ..Self::new(error.exit(), error.to_string()) }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_) => Self::Temporary(error.into()),
            sqlx::Error::Configuration(inner) => Self::Address(inner.to_string()),
            sqlx::Error::Database(refusal) if passes(&**refusal) => Self::Temporary(error.into()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_) => Self::Row(error.to_string()),
            _ => Self::Refused(error.into()),
        }
    }
}

/// Whether a refusal passes by itself: the server starts or stops, has no room, was failed over to
/// read-only, or somebody held a lock.
fn passes(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    #[cfg(feature = "mysql")]
    if let Some(refusal) = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return MYSQL_PASSING.contains(&refusal.number())
            || code.starts_with("08")
            || code == "40001";
    }
    #[cfg(feature = "postgres")]
    if refusal.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return POSTGRES_PASSING.iter().any(|class| code.starts_with(class));
    }
    // SQLite's primary code stands in the low byte: 5 busy, 6 locked.
    code.parse::<u32>().is_ok_and(|number| matches!(number & 0xff, 5 | 6))
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => {
            "no connection within 5 s: is the server running, and the address right?".to_owned()
        }
        sqlx::Error::Database(refusal) => refusal.message().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(feature = "postgres")]
/// Connection, transaction rollback, resources, lock not available, operator intervention; and a
/// read-only transaction, which is what a failed-over server answers.
const POSTGRES_PASSING: [&str; 6] = ["08", "40", "53", "55P03", "57", "25006"];

#[cfg(feature = "mysql")]
/// Lock wait timeout, shutting down, read-only (1290 and 1836), too many connections.
const MYSQL_PASSING: [u16; 5] = [1205, 1053, 1290, 1836, 1040];
