//! Time in SQL. Nothing is ever added to a stored time: the cut-off is taken to the column's encoding, or
//! the age of a row is compared with its length of life, so that no stored number can overflow. What does not
//! lie after 1970 is no time, but a sign that none was set, and such a row stays.

use chrono::NaiveDateTime;

use super::{ColumnRef, Instant};
use crate::cleanup::{
    cutoff::Cut,
    dialect::Dialect,
    policy::{Encoding, Length, Unit},
    sql::{Bind, Sql},
};

pub(super) fn past(instant: &Instant, cut: &Cut, sql: &mut Sql) {
    let encoding = instant.encoding.on(sql.dialect());
    let column = &instant.column;
    sql.push("(");
    match (encoding, sql.dialect()) {
        (Encoding::Epoch(unit), dialect) => {
            if dialect == Dialect::Sqlite {
                is_integer(column, sql);
            }
            column.render(sql);
            sql.push(" > 0 AND ");
            column.render(sql);
            sql.push(" < ").bind(Bind::Int(epoch(cut, unit)));
        }
        // A plain comparison, which an index may serve.
        (Encoding::UtcNaive | Encoding::SessionNaive(_), dialect) if dialect != Dialect::Sqlite => {
            between(column, &wall(cut, encoding), naive(dialect), sql);
        }
        (Encoding::Timestamptz, Dialect::Postgres | Dialect::SqlServer | Dialect::Oracle) => {
            between(column, &wall(cut, encoding), zoned(sql.dialect()), sql);
        }
        (encoding, _) => {
            millis(column, encoding, sql);
            sql.push(" > 0 AND ");
            millis(column, encoding, sql);
            sql.push(" < ").bind(Bind::Int(cut_millis(cut, encoding)));
        }
    }
    sql.push(")");
}

/// `length < floor((cut − from) / unit)`, with a length that is one.
pub(super) fn elapsed(
    from: &Instant,
    cut: &Cut,
    (length, unit, never_from): (&ColumnRef, Length, Option<i64>),
    sql: &mut Sql,
) {
    let encoding = from.encoding.on(sql.dialect());
    sql.push("(");
    if sql.dialect() == Dialect::Sqlite {
        is_integer(length, sql);
    }
    length.render(sql);
    sql.push(" >= 0 AND ");
    if let Some(never_from) = never_from {
        length.render(sql);
        sql.push(" < ").bind(Bind::Int(never_from)).push(" AND ");
    }
    millis(&from.column, encoding, sql);
    sql.push(" > 0 AND ");
    length.render(sql);
    let (floor, decimal, end, divided) = match sql.dialect() {
        // Their whole numbers divide into whole numbers.
        Dialect::Sqlite | Dialect::SqlServer => ("", "", "", ") / 1000"),
        Dialect::Postgres => ("FLOOR(", "CAST(", " AS numeric)", ") / 1000"),
        // Ten times as quick as decimals, of which a stored number may need some.
        Dialect::MySql if is_wall_clock(encoding) => ("", "", "", ") DIV 1000"),
        Dialect::MySql => ("FLOOR(", "CAST(", " AS DECIMAL(30))", ") / 1000"),
        Dialect::Oracle => ("FLOOR(", "", "", ") / 1000"),
    };
    sql.push(" < ").push(floor).push("(").push(decimal);
    sql.bind(Bind::Int(cut_millis(cut, encoding))).push(end).push(" - ");
    millis(&from.column, encoding, sql);
    sql.push(if unit == Length::S { divided } else { ")" });
    sql.push(if floor.is_empty() { ")" } else { "))" });
}

fn between(
    column: &ColumnRef,
    cut: &str,
    (before, after): (&'static str, &'static str),
    sql: &mut Sql,
) {
    for (sign, text) in [(" > ", START), (" < ", cut)] {
        sql.push(if text == START { "" } else { " AND " });
        // A TIMESTAMP of MySQL is compared as what the session reads, not as an instant.
        let is_cast = sql.dialect() == Dialect::MySql;
        sql.push(if is_cast { "CAST(" } else { "" });
        column.render(sql);
        sql.push(if is_cast { " AS DATETIME(6))" } else { "" });
        sql.push(sign).push(before).bind(Bind::Text(text.to_owned())).push(after);
    }
}

/// PostgreSQL would read the text anew for each row, but for a value that it selects once.
fn naive(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Postgres => ("(SELECT CAST(", " AS timestamp))"),
        Dialect::SqlServer => ("CAST(", " AS datetime2(3))"),
        Dialect::Oracle => ("TO_TIMESTAMP(", ", 'YYYY-MM-DD HH24:MI:SS.FF3')"),
        Dialect::MySql | Dialect::Sqlite => ("CAST(", " AS DATETIME(6))"),
    }
}

fn zoned(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::SqlServer => ("TODATETIMEOFFSET(CAST(", " AS datetime2(3)), 0)"),
        Dialect::Oracle => ("FROM_TZ(TO_TIMESTAMP(", ", 'YYYY-MM-DD HH24:MI:SS.FF3'), 'UTC')"),
        _ => ("(SELECT CAST(", " AS timestamp) AT TIME ZONE 'UTC')"),
    }
}

fn wall(cut: &Cut, encoding: Encoding) -> String {
    on_wall(cut, encoding).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

fn cut_millis(cut: &Cut, encoding: Encoding) -> i64 {
    on_wall(cut, encoding).and_utc().timestamp_millis()
}

fn on_wall(cut: &Cut, encoding: Encoding) -> NaiveDateTime {
    match encoding {
        Encoding::SessionNaive(zone) => cut.wall(zone),
        _ => cut.utc().naive_utc(),
    }
}

fn is_wall_clock(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::UtcNaive | Encoding::SessionNaive(_))
}

fn is_integer(column: &ColumnRef, sql: &mut Sql) {
    sql.push("typeof(");
    column.render(sql);
    sql.push(") = 'integer' AND ");
}

fn epoch(cut: &Cut, unit: Unit) -> i64 {
    let millis = cut.utc().timestamp_millis();
    match unit {
        // Rounded up: a whole second before the cut-off is before its fraction, too.
        Unit::S => millis.saturating_add(999) / 1000,
        Unit::Ms => millis,
        Unit::Us => millis.saturating_mul(1000),
        Unit::Ns => millis.saturating_mul(1_000_000),
    }
}

/// Milliseconds since 1970; of a naive wall clock as if it were UTC. NULL where there is no time.
fn millis(column: &ColumnRef, encoding: Encoding, sql: &mut Sql) {
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

/// The zone of the marker is that of the cut-off.
const START: &str = "1970-01-01 00:00:00.000";

const DATE: &str = " GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'";
