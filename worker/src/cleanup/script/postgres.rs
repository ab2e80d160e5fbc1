//! PL/pgSQL, for PostgreSQL 14 and later: a procedure that a scheduler of the database calls. Names of columns are looked
//! up when it runs, so that backups have all of them, whatever version of the product it is.

mod look;
mod text;

use std::cell::Cell;

use self::text::{
    CANDIDATES, CLAIM, END, FOOT, HEAD, KEEP, LOCK, PROGRESS, PROGRESS_WITH, TAKE, TAKE_CHILD,
    TALLY, TARGET, ZONE, ZONE_END, ZONE_OF_FILES,
};
use super::{Job, Part, moments, shape, shape::Table};
use crate::cleanup::{
    database::{
        LEAST_OFFSET_ON_EARTH, POSTGRES_OFFSET_OF_DATABASE, POSTGRES_OFFSET_OF_SERVER, millis,
    },
    dialect::Dialect,
    ledger,
    policy::{Child, Identifier},
    sql::{Bind, Sql},
};

/// What a template is filled for: a table of a target, and its number among all.
#[derive(Clone, Copy)]
struct Place<'a> {
    job: &'a Job<'a>,
    part: &'a Part<'a>,
    target: usize,
    table: &'a Table<'a>,
    number: usize,
}

pub(super) fn write(job: &Job<'_>, parts: &[Part<'_>], sql: &mut Sql) {
    let mut body = Sql::script(Dialect::Postgres, sql.case());
    let places = places(job, parts);
    for (target, part) in parts.iter().enumerate() {
        let of: Vec<_> = places.iter().filter(|place| place.target == target).copied().collect();
        clean(part, &of, &mut body);
    }
    let Some(first) = places.first().copied() else { return };
    fill(first, HEAD, sql);
    for (at, moment) in body.moments().iter().enumerate() {
        sql.push("  ").kept_cut(at).push(moments::kind(*moment)).push(";\n");
    }
    for place in places.iter().filter(|place| place.table.is_orphaned()) {
        fill(*place, "  tk_orphans_{number} tid[];\n", sql);
    }
    begin(&places, sql);
    for (at, moment) in body.moments().iter().enumerate() {
        sql.push("  ").kept_cut(at).push(" := ");
        moments::postgres(*moment, &first.part.clock, sql);
        sql.push(";\n");
    }
    sql.append(&body);
    fill(first, FOOT, sql);
}

/// The target's own table before its children.
fn places<'a>(job: &'a Job<'a>, parts: &'a [Part<'a>]) -> Vec<Place<'a>> {
    let next = Cell::new(0);
    let all = parts.iter().enumerate().flat_map(|(target, part)| {
        let next = &next;
        std::iter::once(&part.own).chain(&part.children).map(move |table| {
            next.set(next.get() + 1);
            Place { job, part, target, table, number: next.get() }
        })
    });
    all.collect()
}

/// Everything before the first batch.
fn begin(places: &[Place<'_>], sql: &mut Sql) {
    let Some(first) = places.first().copied() else { return };
    sql.push(LOCK).push(POSTGRES_OFFSET_OF_DATABASE).push(ZONE).push(POSTGRES_OFFSET_OF_SERVER);
    sql.push(ZONE_OF_FILES).number(LEAST_OFFSET_ON_EARTH.into()).push(ZONE_END);
    for place in places.iter().filter(|place| place.table.path.is_empty()) {
        look::target(place.part, sql);
    }
    for (at, part) in places.iter().filter(|place| place.table.path.is_empty()).enumerate() {
        sql.push("    tk_kept[").number(number(at + 1)).push("] := jsonb_build_array();\n");
        for place in told(places, part.target) {
            fill(place, KEEP, sql);
        }
    }
    sql.push("    IF to_regclass('tokenkeeper_cleanup_runs') IS NULL THEN\n      ");
    sql.push(ledger::TABLE);
    fill(first, CLAIM, sql);
}

/// A target's tables as rows are brought back: parents first, orphans last.
fn told<'a>(places: &[Place<'a>], target: usize) -> Vec<Place<'a>> {
    let of = places.iter().filter(|place| place.target == target).copied();
    let (own, children): (Vec<_>, Vec<_>) = of.partition(|place| place.table.path.is_empty());
    let (orphaned, children): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|place| place.table.is_orphaned());
    own.into_iter().chain(children.into_iter().rev()).chain(orphaned).collect()
}

fn clean(part: &Part<'_>, places: &[Place<'_>], sql: &mut Sql) {
    let Some((own, children)) = places.split_first() else { return };
    sql.push("\n  ").comment(&part.target.name);
    fill(*own, TARGET, sql);
    let (orphaned, others): (Vec<&Place<'_>>, Vec<_>) =
        children.iter().partition(|place| place.table.is_orphaned());
    for place in others {
        fill(*place, TAKE_CHILD, sql);
    }
    for place in &orphaned {
        fill(**place, CANDIDATES, sql);
    }
    fill(*own, TAKE, sql);
    for place in orphaned {
        fill(*place, TAKE_CHILD, sql);
    }
    fill(*own, END, sql);
}

fn fill(place: Place<'_>, template: &'static str, sql: &mut Sql) {
    let Place { job, part, target, table, number: at } = place;
    // Candidates are found by their parents, and orphans by being candidates.
    let is_second = template == TAKE_CHILD && table.is_orphaned();
    sql.fill(template, &|sql, name| match name {
        "procedure" => drop(sql.name(&job.procedure)),
        "policy" => text(&job.policy.name, sql),
        "job" => text(&job.name(), sql),
        "millis" => drop(sql.push(millis(Dialect::Postgres))),
        "table" => part.table(table.name, sql),
        "name" if template == KEEP => spelled(table.name, sql),
        "name" => drop(sql.name(table.name)),
        "policy_table" => text(table.name.as_str(), sql),
        "target_name" => text(&part.target.name, sql),
        "backup" => part.table(&table.backup, sql),
        "number" => drop(sql.number(number(at))),
        "target" => drop(sql.number(number(target + 1))),
        "doomed" => part.doomed(sql),
        "reason" => part.reason(sql),
        "using" => using(place, is_second, sql),
        "belongs" if is_second => {
            sql.name(table.name).push(".ctid = ANY($7) AND ");
            part.left_alone(table, sql);
        }
        "belongs" => belongs(part, &table.path, sql),
        "tally" => fill(place, TALLY, sql),
        "progress" => drop(sql.push(PROGRESS)),
        "progress_with" => drop(sql.push(PROGRESS_WITH)),
        kept => keep(place, kept, sql),
    });
}

/// What concerns the backup of a table.
fn keep(Place { part, table, .. }: Place<'_>, name: &str, sql: &mut Sql) {
    let treated = shape::treated(part.target, table);
    let lower = |names: &[&Identifier], sql: &mut Sql| {
        for name in names {
            sql.push(", ");
            text(&name.as_str().to_lowercase(), sql);
        }
    };
    match name {
        "is_there" => is_there(part, table, sql),
        "schema" => match &part.target.schema {
            Some(schema) => spelled(schema, sql),
            None => drop(sql.push("NULL")),
        },
        "hashed" => lower(&treated.hashed, sql),
        "dropped" => lower(&treated.dropped, sql),
        "texts" => lower(&treated.texts, sql),
        "left_out" => {
            sql.push("jsonb_build_array(");
            for (at, name) in treated.dropped.iter().enumerate() {
                sql.push(if at == 0 { "" } else { ", " });
                spelled(name, sql);
            }
            sql.push(")");
        }
        "parent" => parent(part, table, sql),
        _ => {}
    }
}

fn parent(part: &Part<'_>, table: &Table<'_>, sql: &mut Sql) {
    let Some((child, above)) = table.path.split_first() else {
        sql.push("NULL");
        return;
    };
    sql.push("jsonb_build_object('table', ");
    spelled(above.first().map_or(&part.target.table, |parent| &parent.table), sql);
    sql.push(", 'on', jsonb_build_object(");
    for (at, (theirs, ours)) in child.on.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        spelled(theirs, sql);
        sql.push(", ");
        spelled(ours, sql);
    }
    sql.push("))");
}

/// Whether the table, and all on its way up, are there.
fn is_there(part: &Part<'_>, table: &Table<'_>, sql: &mut Sql) {
    let above = table.path.iter().skip(1).map(|child| &child.table);
    for name in [table.name, &part.target.table].into_iter().chain(above) {
        sql.push("to_regclass('");
        part.table(name, sql);
        sql.push("') IS NOT NULL AND ");
    }
    sql.push("true");
}

fn using(place: Place<'_>, is_second: bool, sql: &mut Sql) {
    sql.push("tk_picked, tk_run, tk_batch, tk_low, tk_high, tk_size, ");
    if is_second {
        sql.push("tk_orphans_").number(number(place.number));
    } else {
        sql.push("tk_picked");
    }
    for at in 0..sql.moments().len() {
        sql.push(", ").kept_cut(at);
    }
}

/// That a row of a child belongs to a picked one, step by step.
fn belongs(part: &Part<'_>, path: &[&Child], sql: &mut Sql) {
    let Some((child, above)) = path.split_first() else { return };
    let parent = above.first().map_or(&part.target.table, |parent| &parent.table);
    let columns = |of: &Identifier, names: &mut dyn Iterator<Item = &Identifier>, sql: &mut Sql| {
        for (at, name) in names.enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).name(of).push(".").name(name);
        }
    };
    sql.push("(");
    columns(&child.table, &mut child.on.keys(), sql);
    sql.push(") IN (SELECT ");
    columns(parent, &mut child.on.values(), sql);
    sql.push(" FROM ");
    part.table(parent, sql);
    sql.push(" WHERE ");
    if above.is_empty() {
        sql.name(parent).push(".ctid = ANY($1)");
    } else {
        belongs(part, above, sql);
    }
    sql.push(")");
}

fn text(text: &str, sql: &mut Sql) {
    sql.bind(Bind::Text(text.to_owned()));
}

fn spelled(name: &Identifier, sql: &mut Sql) {
    let (dialect, case) = (sql.dialect(), sql.case());
    text(&name.spelled(dialect, case), sql);
}

fn number(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
