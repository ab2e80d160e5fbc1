//! What a column holds as milliseconds since 1970, in each database's SQL: what lives are reckoned by.

use super::ColumnRef;
use crate::cleanup::{
    dialect::Dialect,
    policy::{Encoding, Unit},
    sql::Sql,
};

/// Milliseconds since 1970; of a naive wall clock as if it were UTC. NULL where there is no time.
pub(super) fn millis(column: &ColumnRef, encoding: Encoding, sql: &mut Sql) {
    let (before, after) = around(encoding, sql.dialect());
    let guard = guard(encoding, sql.dialect());
    if let Some((before, after, and_before, and_after)) = guard {
        sql.push("CASE WHEN ").push(before);
        column.render(sql);
        sql.push(after);
        if !and_before.is_empty() {
            sql.push(" AND ").push(and_before);
            column.render(sql);
            sql.push(and_after);
        }
        sql.push(" THEN ");
    }
    sql.push(before);
    column.render(sql);
    sql.push(after).push(if guard.is_some() { " END" } else { "" });
}

/// Two conditions on a text, each in two halves around the column, without which it is no time.
type Guard = (&'static str, &'static str, &'static str, &'static str);

fn guard(encoding: Encoding, dialect: Dialect) -> Option<Guard> {
    match (encoding, dialect) {
        (Encoding::EpochMsText, dialect) => Some(digits(dialect)),
        (Encoding::Epoch(_), _) => None,
        // 'now', a bare time and a number are times to SQLite's functions; and an offset in a wall clock
        // would be taken off.
        (Encoding::SessionNaive(_), Dialect::Sqlite) => {
            Some(("", DATE, "SUBSTR(", ", 12) NOT GLOB '*[^0-9:.]*'"))
        }
        (_, Dialect::Sqlite) => Some(("", DATE, "", "")),
        _ => None,
    }
}

/// One to eighteen digits and nothing else: what fits into 64 bits for certain.
fn digits(dialect: Dialect) -> Guard {
    match dialect {
        Dialect::Sqlite => ("", " NOT GLOB '*[^0-9]*'", "LENGTH(", ") BETWEEN 1 AND 18"),
        Dialect::Postgres => ("", " !~ '[^0-9]'", "LENGTH(", ") BETWEEN 1 AND 18"),
        Dialect::MySql => ("", " NOT REGEXP '[^0-9]'", "LENGTH(", ") BETWEEN 1 AND 18"),
        Dialect::SqlServer => ("", " NOT LIKE '%[^0-9]%'", "LEN(", ") BETWEEN 1 AND 18"),
        Dialect::Oracle => ("NOT REGEXP_LIKE(", ", '[^0-9]')", "LENGTH(", ") BETWEEN 1 AND 18"),
    }
}

fn around(encoding: Encoding, dialect: Dialect) -> (&'static str, &'static str) {
    match (encoding, dialect) {
        (Encoding::EpochMsText, Dialect::MySql) => ("CAST(", " AS DECIMAL(30))"),
        (Encoding::EpochMsText, Dialect::SqlServer) => ("TRY_CAST(", " AS bigint)"),
        (Encoding::EpochMsText, Dialect::Oracle) => ("TO_NUMBER(", ")"),
        (Encoding::EpochMsText, Dialect::Sqlite | Dialect::Postgres) => ("CAST(", " AS bigint)"),
        (Encoding::Epoch(unit), dialect) => numeric(unit, dialect),
        (_, Dialect::Sqlite) => ("CAST(ROUND(unixepoch(", ", 'subsec') * 1000) AS INTEGER)"),
        (_, Dialect::Postgres) => ("(EXTRACT(EPOCH FROM ", ") * 1000)"),
        (Encoding::Timestamptz, Dialect::MySql) => ("(UNIX_TIMESTAMP(", ") * 1000)"),
        // Rounded up: a row is not older than it is.
        (_, Dialect::MySql) => {
            ("((TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', ", ") + 999) DIV 1000)")
        }
        (Encoding::Timestamptz, Dialect::SqlServer) => {
            ("DATEDIFF_BIG(MILLISECOND, '1970-01-01', SWITCHOFFSET(", ", 0))")
        }
        (_, Dialect::SqlServer) => ("DATEDIFF_BIG(MILLISECOND, '1970-01-01', ", ")"),
        // The cast cuts a fraction off: a second later is the careful reading.
        (Encoding::Timestamptz, Dialect::Oracle) => {
            ("((CAST(SYS_EXTRACT_UTC(", ") AS DATE) - DATE '1970-01-01') * 86400000 + 1000)")
        }
        (_, Dialect::Oracle) => ("((CAST(", " AS DATE) - DATE '1970-01-01') * 86400000 + 1000)"),
    }
}

fn numeric(unit: Unit, dialect: Dialect) -> (&'static str, &'static str) {
    match (dialect, unit) {
        (Dialect::Sqlite, Unit::S) => ("(", " * 1000)"),
        (Dialect::Sqlite, Unit::Ms) => ("(", ")"),
        (Dialect::Sqlite, Unit::Us) => ("(", " / 1000)"),
        (Dialect::Sqlite, Unit::Ns) => ("(", " / 1000000)"),
        (_, Unit::S) => ("(CAST(", " AS DECIMAL(30)) * 1000)"),
        (_, Unit::Ms) => ("(CAST(", " AS DECIMAL(30)))"),
        (_, Unit::Us) => ("(CAST(", " AS DECIMAL(30)) / 1000)"),
        (_, Unit::Ns) => ("(CAST(", " AS DECIMAL(30)) / 1000000)"),
    }
}

const DATE: &str = " GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'";
