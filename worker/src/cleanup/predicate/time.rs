//! Time in SQL. Nothing is ever added to a stored time: the cut-off is taken to the column's encoding, or
//! the age of a row is compared with its length of life, so that no stored number can overflow. What does not
//! lie after 1970 is no time, but a sign that none was set, and such a row stays.

use chrono::NaiveDateTime;

use super::{ColumnRef, Instant, millis::millis};
use crate::cleanup::{
    cutoff::{Cut, Moment, Reading},
    dialect::Dialect,
    policy::{Encoding, Length, Unit, Zone},
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
            let moment = Moment { grace: instant.grace, reading: Reading::Epoch(unit) };
            sql.push(" < ").moment(moment, Bind::Int(epoch(cut, unit)));
        }
        // A plain comparison, which an index may serve.
        (Encoding::UtcNaive | Encoding::SessionNaive(_), dialect) if dialect != Dialect::Sqlite => {
            between(instant, cut, encoding, naive(dialect), sql);
        }
        (Encoding::Timestamptz, Dialect::Postgres | Dialect::SqlServer | Dialect::Oracle) => {
            between(instant, cut, encoding, zoned(sql.dialect()), sql);
        }
        (encoding, _) => {
            millis(column, encoding, sql);
            sql.push(" > 0 AND ");
            millis(column, encoding, sql);
            sql.push(" < ");
            cut_millis(instant, cut, encoding, sql);
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
    // Oracle's reckoning is a second later: what says 1970 must be no time there either.
    let is_late = sql.dialect() == Dialect::Oracle
        && !matches!(encoding, Encoding::Epoch(_) | Encoding::EpochMsText);
    sql.push(if is_late { " > 1000 AND " } else { " > 0 AND " });
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
    cut_millis(from, cut, encoding, sql);
    sql.push(end).push(" - ");
    millis(&from.column, encoding, sql);
    sql.push(if unit == Length::S { divided } else { ")" });
    sql.push(if floor.is_empty() { ")" } else { "))" });
}

fn between(
    instant: &Instant,
    cut: &Cut,
    encoding: Encoding,
    (before, after): (&'static str, &'static str),
    sql: &mut Sql,
) {
    for (is_start, sign) in [(true, " > "), (false, " < ")] {
        sql.push(if is_start { "" } else { " AND " });
        // A TIMESTAMP of MySQL is compared as what the session reads, not as an instant.
        let is_cast = sql.dialect() == Dialect::MySql;
        sql.push(if is_cast { "CAST(" } else { "" });
        instant.column.render(sql);
        sql.push(if is_cast { " AS DATETIME(6))" } else { "" });
        sql.push(sign).push(before);
        if is_start {
            sql.bind(Bind::Text(START.to_owned()));
        } else {
            let moment = Moment { grace: instant.grace, reading: Reading::Wall(zone(encoding)) };
            sql.moment(moment, Bind::Text(wall(cut, encoding)));
        }
        sql.push(after);
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

fn cut_millis(instant: &Instant, cut: &Cut, encoding: Encoding, sql: &mut Sql) {
    let millis = on_wall(cut, encoding).and_utc().timestamp_millis();
    let reading = Reading::Millis(zone(encoding));
    sql.moment(Moment { grace: instant.grace, reading }, Bind::Int(millis));
}

fn zone(encoding: Encoding) -> Option<Zone> {
    match encoding {
        Encoding::SessionNaive(zone) => Some(zone),
        _ => None,
    }
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

/// The zone of the marker is that of the cut-off.
const START: &str = "1970-01-01 00:00:00.000";
