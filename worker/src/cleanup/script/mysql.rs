//! A procedure for MySQL 8 and MariaDB 10.6 and later (older ones wait for locked rows), which an event calls. Names of
//! columns are looked up when it runs, so that backups have all of them, whatever version of the product it is.

mod keep;
mod look;
mod statements;
mod text;

use self::text::{
    CLAIM, END, EXECUTE, FOOT, HEAD, PROGRESS, PROGRESS_WITH, TAKE, TAKE_CHILD, TALLY, TARGET,
};
use super::{
    Job, Part, moments,
    place::{Place, number, places, spelled, text, told},
};
use crate::cleanup::{
    database::{MYSQL_OFFSET, millis},
    dialect::Dialect,
    ledger,
    sql::Sql,
};

pub(super) fn write(job: &Job<'_>, parts: &[Part<'_>], sql: &mut Sql) {
    let mut body = Sql::script(Dialect::MySql, sql.case());
    let places = places(job, parts);
    for target in 0..parts.len() {
        let of: Vec<_> = places.iter().filter(|place| place.target == target).copied().collect();
        clean(&of, &mut body);
    }
    let Some(first) = places.first().copied() else { return };
    fill(first, HEAD, sql);
    sql.push(MYSQL_OFFSET).push(");\n");
    for (at, moment) in body.moments().iter().enumerate() {
        sql.push("    SET ").variable(at).push(" = ");
        moments::mysql(*moment, &first.part.clock, sql);
        sql.push(";\n");
    }
    for part in parts {
        look::target(part, sql);
    }
    for target in 0..parts.len() {
        sql.push("    SET @tk_kept_").number(number(target + 1)).push(" = '';\n");
        for place in told(&places, target) {
            keep::keep(place, sql);
        }
    }
    fill(first, CLAIM, sql);
    sql.append(&body);
    fill(first, FOOT, sql);
}

fn clean(places: &[Place<'_>], sql: &mut Sql) {
    let Some((own, children)) = places.split_first() else { return };
    sql.push("  ").comment(&own.part.target.name);
    with(*own, children, TARGET, sql);
    let (orphaned, others): (Vec<&Place<'_>>, Vec<_>) =
        children.iter().partition(|place| place.table.is_orphaned());
    for place in others {
        fill(*place, TAKE_CHILD, sql);
    }
    fill(*own, TAKE, sql);
    for place in orphaned {
        fill(*place, TAKE_CHILD, sql);
    }
    with(*own, children, END, sql);
}

fn fill(place: Place<'_>, template: &'static str, sql: &mut Sql) {
    with(place, &[], template, sql);
}

/// Fills a template for a table, and for those of its children that it tells of.
fn with(place: Place<'_>, children: &[Place<'_>], template: &'static str, sql: &mut Sql) {
    let Place { job, part, target, table, number: at } = place;
    sql.fill(template, &|sql, name| match name {
        "open" => drop(sql.push("{")),
        "close" => drop(sql.push("}")),
        "procedure" => drop(sql.name(&job.procedure)),
        "ours" => text(&job.mark(), sql),
        "policy" => text(&job.policy.name, sql),
        "job" => text(&job.name(), sql),
        "millis" => drop(sql.push(millis(Dialect::MySql))),
        "runs" => drop(sql.push(ledger::MYSQL_TABLE)),
        "execute" => drop(sql.push(EXECUTE)),
        "number" => drop(sql.number(number(at))),
        "target" => drop(sql.number(number(target + 1))),
        "target_name" => text(&part.target.name, sql),
        "table_text" => spelled(table.name, sql),
        "tally" => with(place, children, TALLY, sql),
        "progress" => fill(place, PROGRESS, sql),
        "progress_with" => fill(place, PROGRESS_WITH, sql),
        "counts_cleared" => {
            each(place, children, [", @tk_reason_", " = 0"], [", @tk_sum_", " = 0"], sql);
        }
        "steps_cleared" => each(place, children, ["", ""], [", @tk_step_", " = 0"], sql),
        "counted" => counted(place, children, sql),
        "deleted" => {
            sql.push("0");
            each(place, &[], [" + @tk_reason_", ""], ["", ""], sql);
        }
        "reasons" => {
            for (at, reason) in part.target.reasons.iter().enumerate() {
                told_count("@tk_reason_", at, &reason.name, sql);
            }
        }
        "children" => {
            for child in children {
                told_count("@tk_sum_", child.number, child.table.name.as_str(), sql);
            }
        }
        other => statements::add(place, other, sql),
    });
}

/// Adds something with the number of each reason, and with that of each child's table.
fn each(
    place: Place<'_>,
    children: &[Place<'_>],
    reasons: [&'static str; 2],
    tables: [&'static str; 2],
    sql: &mut Sql,
) {
    if !reasons[0].is_empty() {
        for at in 0..place.part.target.reasons.len() {
            sql.push(reasons[0]).number(number(at)).push(reasons[1]);
        }
    }
    for child in children {
        sql.push(tables[0]).number(number(child.number)).push(tables[1]);
    }
}

/// One statement each: MySQL opens a temporary table once in a statement.
fn counted(place: Place<'_>, children: &[Place<'_>], sql: &mut Sql) {
    for at in (0..place.part.target.reasons.len()).map(number) {
        sql.push(";\n            SET @tk_reason_").number(at).push(" = @tk_reason_").number(at);
        sql.push(" + (SELECT COUNT(*) FROM tokenkeeper_picked WHERE tokenkeeper_reason = ")
            .number(at)
            .push(")");
    }
    for at in children.iter().map(|child| number(child.number)) {
        sql.push(";\n            SET @tk_sum_").number(at).push(" = @tk_sum_").number(at);
        sql.push(" + @tk_step_").number(at);
    }
}

fn told_count(variable: &'static str, at: usize, name: &str, sql: &mut Sql) {
    sql.push(", IF(").push(variable).number(number(at)).push(" > 0, CONCAT('\"', ");
    text(name, sql);
    sql.push(", '\":', ").push(variable).number(number(at)).push("), NULL)");
}
