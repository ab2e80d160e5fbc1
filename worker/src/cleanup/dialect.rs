//! The SQL of the databases that are cleaned: five, where tokens are kept in three.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokenkeeper_shared::dialect;

/// The SQL that a cleaned database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// SQLite 3.42 and later.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// Microsoft SQL Server 2016 and later.
    SqlServer,
    /// Oracle: generated scripts only.
    Oracle,
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::SqlServer => "SQL Server",
            Self::Oracle => "Oracle",
        })
    }
}

impl From<dialect::Dialect> for Dialect {
    fn from(dialect: dialect::Dialect) -> Self {
        match dialect {
            dialect::Dialect::Sqlite => Self::Sqlite,
            dialect::Dialect::Postgres => Self::Postgres,
            dialect::Dialect::MySql => Self::MySql,
        }
    }
}
