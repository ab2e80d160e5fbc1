//! A script's cut-offs: computed once, from one reading of its database's clock.

use crate::cleanup::{
    cutoff::{DatabaseClock, Moment, Reading},
    dialect::Dialect,
    policy::{Unit, Zone},
    sql::Sql,
};

/// Adds the declarations of the cut-offs that a script uses.
pub(super) fn declare(moments: &[Moment], clock: &DatabaseClock, sql: &mut Sql) {
    for (at, moment) in moments.iter().enumerate() {
        let (wall, zone) = match moment.reading {
            Reading::Wall(zone) => (true, zone),
            Reading::Millis(zone) => (false, zone),
            Reading::Epoch(_) => (false, None),
        };
        let seconds = shift(*moment, zone, clock);
        let is_server = zone == Some(Zone::Server);
        let number = match moment.reading {
            Reading::Epoch(unit) => Some(unit),
            _ if wall => None,
            _ => Some(Unit::Ms),
        };
        if sql.dialect() == Dialect::SqlServer {
            sql.push("DECLARE ").variable(at);
            sql_server(is_server, seconds, number, sql);
        } else {
            sql.push("  ").variable(at);
            oracle(is_server, seconds, number, sql);
        }
    }
}

/// The type of a cut-off on PostgreSQL.
pub(super) fn kind(moment: Moment) -> &'static str {
    if matches!(moment.reading, Reading::Wall(_)) { " timestamp" } else { " bigint" }
}

/// Adds a cut-off as an expression of PL/pgSQL.
pub(super) fn postgres(moment: Moment, clock: &DatabaseClock, sql: &mut Sql) {
    let zone = match moment.reading {
        Reading::Wall(zone) | Reading::Millis(zone) => zone,
        Reading::Epoch(_) => None,
    };
    let is_server = zone == Some(Zone::Server);
    let wall = |sql: &mut Sql| {
        sql.push(if is_server { "tk_server" } else { "tk_utc" });
        sql.push(" + make_interval(secs => ").number(shift(moment, zone, clock)).push(")");
    };
    let (before, after) = match moment.reading {
        Reading::Wall(_) => ("", ""),
        Reading::Millis(_) | Reading::Epoch(Unit::Ms) => EPOCH,
        Reading::Epoch(Unit::S) => ("CAST(CEIL(EXTRACT(EPOCH FROM ", ")) AS bigint)"),
        Reading::Epoch(Unit::Us) => ("CAST(EXTRACT(EPOCH FROM ", ") * 1000000 AS bigint)"),
        Reading::Epoch(Unit::Ns) => ("CAST(EXTRACT(EPOCH FROM ", ") * 1000000000 AS bigint)"),
    };
    sql.push(before);
    wall(sql);
    sql.push(after);
}

/// Adds a cut-off as an expression of MySQL.
pub(super) fn mysql(moment: Moment, clock: &DatabaseClock, sql: &mut Sql) {
    let zone = match moment.reading {
        Reading::Wall(zone) | Reading::Millis(zone) => zone,
        Reading::Epoch(_) => None,
    };
    let (before, after) = match moment.reading {
        Reading::Wall(_) => ("", ""),
        Reading::Millis(_) | Reading::Epoch(Unit::Ms) => (MICROS, ") DIV 1000"),
        Reading::Epoch(Unit::S) => {
            ("(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ", ") + 999999) DIV 1000000")
        }
        Reading::Epoch(Unit::Us) => (MICROS, ")"),
        Reading::Epoch(Unit::Ns) => (MICROS, ") * 1000"),
    };
    sql.push(before).push("DATE_ADD(@tk_utc, INTERVAL ").number(shift(moment, zone, clock));
    sql.push(if zone == Some(Zone::Server) { " + @tk_offset SECOND)" } else { " SECOND)" });
    sql.push(after);
}

/// Seconds to add to the clock's reading.
fn shift(moment: Moment, zone: Option<Zone>, clock: &DatabaseClock) -> i64 {
    let grace = i64::try_from(moment.grace.as_secs()).unwrap_or(i64::MAX / 2);
    // A part of a second is a whole one: rows stay longer for it.
    let grace = grace.saturating_add(i64::from(moment.grace.subsec_nanos() > 0));
    let offset = match zone {
        Some(zone @ Zone::Named(_)) => {
            let cut = clock.cut(std::time::Duration::ZERO);
            (cut.wall(zone) - cut.utc().naive_utc()).num_seconds()
        }
        _ => 0,
    };
    offset.saturating_sub(grace)
}

fn sql_server(is_server: bool, seconds: i64, number: Option<Unit>, sql: &mut Sql) {
    let wall = |sql: &mut Sql| {
        // DATEADD takes 32 bits: minutes reach further than seconds.
        sql.push("DATEADD(SECOND, ").number(seconds % 60).push(", DATEADD(MINUTE, ");
        sql.number(seconds / 60).push(if is_server { ", @server))" } else { ", @utc))" });
    };
    let Some(unit) = number else {
        sql.push(" datetime2(3) = ");
        wall(sql);
        sql.push(";\n");
        return;
    };
    sql.push(match unit {
        Unit::S => " bigint = (DATEDIFF_BIG(MILLISECOND, '1970-01-01', ",
        _ => " bigint = DATEDIFF_BIG(MILLISECOND, '1970-01-01', ",
    });
    wall(sql);
    sql.push(match unit {
        Unit::S => ") + 999) / 1000;\n",
        Unit::Ms => ");\n",
        Unit::Us => ") * 1000;\n",
        Unit::Ns => ") * 1000000;\n",
    });
}

fn oracle(is_server: bool, seconds: i64, number: Option<Unit>, sql: &mut Sql) {
    let wall = |sql: &mut Sql| {
        sql.push(if is_server { "tokenkeeper_server" } else { "tokenkeeper_utc" });
        sql.push(" + NUMTODSINTERVAL(").number(seconds).push(", 'SECOND')");
    };
    let Some(unit) = number else {
        sql.push(" CONSTANT VARCHAR2(23) := TO_CHAR(");
        wall(sql);
        sql.push(", 'YYYY-MM-DD HH24:MI:SS.FF3');\n");
        return;
    };
    // Whole seconds, cut off by the text: a cast of a timestamp may round them up.
    sql.push(" CONSTANT NUMBER := ROUND((TO_DATE(TO_CHAR(");
    wall(sql);
    sql.push(", 'YYYY-MM-DD HH24:MI:SS'), 'YYYY-MM-DD HH24:MI:SS') - DATE '1970-01-01') * 86400)");
    sql.push(match unit {
        Unit::S => ";\n",
        Unit::Ms => " * 1000;\n",
        Unit::Us => " * 1000000;\n",
        Unit::Ns => " * 1000000000;\n",
    });
}

const MICROS: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ";
const EPOCH: (&str, &str) = ("CAST(EXTRACT(EPOCH FROM ", ") * 1000 AS bigint)");
