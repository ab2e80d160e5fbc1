//! A copy of a database, from its making to its end. How one is made is each database's own: a file beneath.

mod mysql;
mod postgres;
mod server;
mod sqlite;

use std::{path::PathBuf, time::Duration};

use serde::Serialize;
use tokenkeeper_shared::{database_url::DatabaseUrl, dialect::Dialect, store::StoreError};
use tokio::time::sleep;

use self::{mysql::MySqlCopy, postgres::PostgresCopy, sqlite::SqliteCopy};
use super::{NotRehearsed, name::CopyName, needed::Needed};
use crate::{
    backoff::Delays,
    cleanup::database::{Access, Database},
    stop::Stop,
};

/// What is to be copied, and where to.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The database.
    pub source: &'a DatabaseUrl,
    /// What of it, where not all of it is copied.
    pub tables: Vec<Needed>,
    /// Whether the copy stays.
    pub is_kept: bool,
    /// The folder for a copy of a SQLite file [default: the file's own].
    pub folder: Option<PathBuf>,
    /// Who may ask to stop.
    pub stop: &'a Stop,
}

/// How a copy was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// `CREATE DATABASE … TEMPLATE`: all of it.
    Template,
    /// A dump of the tables that are needed.
    Dump,
    /// `VACUUM INTO`: all of it.
    Vacuum,
}

/// A copy that is ours: it lasts until it is dropped, or else until the next rehearsal.
#[derive(Debug)]
pub struct Copy {
    /// Its address.
    pub url: DatabaseUrl,
    /// What it is called: a database, or a file.
    pub name: String,
    /// How it was made.
    pub way: Way,
    /// Copies that dead rehearsals had left, and that are gone now.
    pub dropped: Vec<String>,
    home: Home,
}

#[derive(Debug)]
enum Home {
    Postgres(PostgresCopy),
    MySql(MySqlCopy),
    Sqlite(SqliteCopy),
}

impl Copy {
    /// Drops what dead rehearsals have left, and makes a copy. Where that fails, or somebody asks to stop,
    /// nothing is left of it.
    ///
    /// # Errors
    /// [`NotRehearsed`].
    pub async fn make(wanted: &Wanted<'_>) -> Result<Self, NotRehearsed> {
        let name = CopyName::fresh(wanted.is_kept);
        match wanted.source.dialect() {
            Dialect::Postgres => postgres::make(wanted, &name).await,
            Dialect::MySql => mysql::make(wanted, &name).await,
            Dialect::Sqlite => sqlite::make(wanted, &name).await,
        }
    }

    /// Connections to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(&self) -> Result<Database, StoreError> {
        Database::open(self.url.clone(), Access::Change)
    }

    /// Drops it. Nobody of ours may be connected any more.
    ///
    /// # Errors
    /// `Refused` where it stays, with what to do.
    pub async fn end(self) -> Result<(), NotRehearsed> {
        let ended = match self.home {
            Home::Postgres(copy) => copy.end().await,
            Home::MySql(copy) => copy.end().await,
            Home::Sqlite(copy) => copy.end(),
        };
        ended.map_err(|error| {
            NotRehearsed::Refused(format!(
                "the copy {} could not be dropped, and the next rehearsal will try again: {error}",
                self.name
            ))
        })
    }
}

/// The work, unless somebody asks to stop before.
async fn unless_stopped<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, NotRehearsed>>,
) -> Result<T, NotRehearsed> {
    tokio::select! {
        done = work => done,
        _ = stop.within(Duration::MAX) => Err(NotRehearsed::Stopped),
    }
}

/// Tries again while servers notice that somebody has left.
async fn patiently<T>(
    mut work: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let delays = Delays::doubling(Duration::from_millis(100), Duration::from_secs(1));
    for delay in delays.take(TRIES) {
        if let Ok(done) = work().await {
            return Ok(done);
        }
        sleep(delay).await;
    }
    work().await
}

/// Some seconds: a program that was killed may have left a long statement.
const TRIES: usize = 10;
