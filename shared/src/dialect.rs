//! What differs between the three databases' SQL, in one place: placeholders and the clock.
//! The statements themselves stand, once each, beside the functions of `store` that run them.

use std::fmt;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// The SQL that a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        })
    }
}

impl Dialect {
    /// Makes a portable statement this database's own: `{now}` becomes its UTC clock in
    /// milliseconds, `{integer}` the type that a sum is cast to, `{list}` becomes `listed` placeholders, `{rows(…)}` so many copies of what is
    /// in it, and on PostgreSQL each `?` becomes `$n`.
    ///
    /// Only constants of this crate come in here and nothing but placeholders is added, so that
    /// this is the one place that vouches for SQL made at run time.
    pub(crate) fn statement(self, portable: &'static str, listed: usize) -> SqlStr {
        let text =
            portable.replace("{now}", self.now()).replace("{list}", &vec!["?"; listed].join(", "));
        let text = text.replace("{integer}", self.integer());
        let text = with_rows(&text, listed);
        AssertSqlSafe(if self == Self::Postgres { numbered(&text) } else { text }).into_sql_str()
    }

    /// A sum of integers is a decimal number on two of them.
    fn integer(self) -> &'static str {
        match self {
            Self::Sqlite => "INTEGER",
            Self::Postgres => "BIGINT",
            Self::MySql => "SIGNED",
        }
    }

    /// The server's UTC clock. Neither the session's time zone nor the year 2038 touches any of the three.
    fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
            Self::MySql => {
                "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)"
            }
        }
    }
}

fn with_rows(text: &str, rows: usize) -> String {
    let parts = text.split_once("{rows").and_then(|(before, rest)| {
        let (row, after) = rest.split_once('}')?;
        Some(format!("{before}{}{after}", vec![row; rows].join(", ")))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.zip(1..).fold(first, |sum, (part, number)| format!("{sum}${number}{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_on_postgresql_only() {
        let portable = "UPDATE t SET a = ? WHERE b = ? AND id IN ({list})";
        assert_eq!(
            Dialect::Postgres.statement(portable, 2).as_str(),
            "UPDATE t SET a = $1 WHERE b = $2 AND id IN ($3, $4)"
        );
        assert_eq!(
            Dialect::MySql.statement(portable, 2).as_str(),
            "UPDATE t SET a = ? WHERE b = ? AND id IN (?, ?)"
        );
    }

    #[test]
    fn rows_are_repeated() {
        let portable = "INSERT INTO t (a, b) VALUES {rows(?, ?)}";
        assert_eq!(
            Dialect::Postgres.statement(portable, 2).as_str(),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"
        );
    }
}
