//! A fresh database of each kind that tokenkeeper runs on. Which tables are in it is the suites' concern.

use std::fmt;

use tempfile::TempDir;

use super::coverage;
use super::product::Product;
use super::servers::{Server, mysql, postgres};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
    /// MariaDB, or MySQL in its place.
    MySql,
}

/// Every kind; a suite that runs on all of them names the kind in its failures.
pub fn each() -> [Kind; 3] {
    [Kind::Sqlite, Kind::Postgres, Kind::MySql]
}

impl Kind {
    /// The server of this kind; SQLite has none.
    pub fn product(self) -> Product {
        match self {
            Self::Sqlite => panic!("SQLite has no server"),
            Self::Postgres => Product::Postgres,
            Self::MySql => Product::mysql(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql if Product::mysql() == Product::MySql => "MySQL",
            Self::MySql => "MariaDB",
        })
    }
}

/// An empty database.
pub struct Database {
    pub kind: Kind,
    pub url: String,
    _dir: Option<TempDir>,
}

impl Database {
    /// SQLite's file does not exist yet; it goes when this value goes.
    pub fn fresh(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::sqlite(),
            Kind::Postgres => Self { kind, url: postgres().fresh_database(), _dir: None },
            Kind::MySql => Self { kind, url: mysql().fresh_database(), _dir: None },
        }
    }

    /// On a server that a suite has started for itself, and may kill.
    pub fn on(server: &Server, kind: Kind) -> Self {
        Self { kind, url: server.fresh_database(), _dir: None }
    }

    /// What its server calls it.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().expect("a URL has a last part")
    }

    fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("cannot make a directory");
        let url = format!("sqlite://{}", directory.path().join("tokenkeeper.db").display());
        coverage::note("SQLite");
        Self { kind: Kind::Sqlite, url, _dir: Some(directory) }
    }
}
