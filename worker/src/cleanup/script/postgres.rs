//! PL/pgSQL, for PostgreSQL 14 and later: a procedure that a scheduler of the database calls. Names of columns are looked
//! up when it runs, so that backups have all of them, whatever version of the product it is.

mod batch;
mod keep;
mod look;
mod text;

use self::{
    batch::{CANDIDATES, END, TAKE, TAKE_CHILD, TARGET},
    text::{
        CLAIM, FOOT, HEAD, LOCK, PROGRESS, PROGRESS_WITH, TALLY, ZONE, ZONE_END, ZONE_OF_FILES,
    },
};
use super::{
    Job, Part, moments,
    place::{Place, number, places, spelled, text, told},
};
use crate::cleanup::{
    database::{
        LEAST_OFFSET_ON_EARTH, POSTGRES_OFFSET_OF_DATABASE, POSTGRES_OFFSET_OF_SERVER, millis,
    },
    dialect::Dialect,
    ledger,
    policy::{Child, Identifier},
    sql::Sql,
};

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
            fill(place, keep::KEEP, sql);
        }
    }
    sql.push("    IF to_regclass('tokenkeeper_cleanup_runs') IS NULL THEN\n      ");
    sql.push(ledger::TABLE);
    fill(first, CLAIM, sql);
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
        "table_text" => spelled(table.name, sql),
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
        kept => keep::add(place, kept, sql),
    });
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
