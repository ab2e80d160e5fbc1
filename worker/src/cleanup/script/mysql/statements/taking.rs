//! The statements that copy and delete what was picked.

use super::keys;
use crate::cleanup::{
    policy::{Child, Identifier, Related},
    script::place::Place,
    sql::Sql,
};

pub(super) fn add(place: Place<'_>, name: &str, sql: &mut Sql) {
    let Place { part, table, .. } = place;
    let own = &part.target.table;
    match name {
        "insert" => sql.quoted(|sql| {
            sql.push("INSERT INTO ");
            part.table(&table.backup, sql);
            sql.push(" (");
        }),
        "insert_more" => drop(sql.push(
            "'tokenkeeper_run, tokenkeeper_batch, tokenkeeper_reason, tokenkeeper_deleted_at) SELECT '",
        )),
        "child_from" => sql.quoted(|sql| {
            sql.push("@tk_run, @tk_batch, NULL, UTC_TIMESTAMP(3)");
            child_rows(place, sql);
        }),
        "child_delete" => sql.quoted(|sql| {
            sql.push("DELETE ");
            part.table(table.name, sql);
            child_rows(place, sql);
        }),
        "own_from" => sql.quoted(|sql| {
            sql.push("@tk_run, @tk_batch, ");
            part.reason(sql);
            sql.push(", UTC_TIMESTAMP(3) FROM ");
            picked_rows(place, sql);
            sql.push(" WHERE ");
            part.doomed(sql);
        }),
        "own_delete" => sql.quoted(|sql| own_delete(place, sql)),
        "left" => sql.quoted(|sql| {
            sql.push("SELECT COUNT(*) INTO @tk_left FROM ");
            part.table(own, sql);
            sql.push(" WHERE ");
            part.doomed(sql);
        }),
        _ => {}
    }
}

fn picked_rows(place: Place<'_>, sql: &mut Sql) {
    sql.push("tokenkeeper_picked");
    same_key(place, sql);
}

fn same_key(place: Place<'_>, sql: &mut Sql) {
    let table = &place.part.target.table;
    sql.push(" STRAIGHT_JOIN ");
    place.part.table(table, sql);
    for (at, key) in place.part.target.key.iter().enumerate() {
        sql.push(if at == 0 { " ON " } else { " AND " }).name(table).push(".").name(key);
        sql.push(" = tokenkeeper_picked.").name(key);
    }
}

/// MySQL does not let a DELETE look at its own table (1093), but for a table that was derived from it before.
fn own_delete(place: Place<'_>, sql: &mut Sql) {
    let part = place.part;
    let table = &part.target.table;
    sql.push("DELETE ");
    part.table(table, sql);
    sql.push(" FROM ");
    let looks = |related: &Related| looks_at(related, table);
    let mut reasons = part.target.reasons.iter();
    if !reasons.any(|reason| reason.with.iter().chain(&reason.without).any(looks)) {
        picked_rows(place, sql);
        sql.push(" WHERE ");
        part.doomed(sql);
        return;
    }
    sql.push("(SELECT DISTINCT ");
    keys(place, sql, |sql, _, key| {
        sql.name(table).push(".").name(key);
    });
    sql.push(" FROM ");
    picked_rows(place, sql);
    sql.push(" WHERE ");
    part.doomed(sql);
    sql.push(") tokenkeeper_picked");
    same_key(place, sql);
}

fn looks_at(related: &Related, table: &Identifier) -> bool {
    let mut nested = related.with.iter().chain(&related.without);
    related.table == *table || nested.any(|each| looks_at(each, table))
}

fn child_rows(place: Place<'_>, sql: &mut Sql) {
    let Place { part, table, .. } = place;
    sql.push(" FROM ");
    part.table(table.name, sql);
    sql.push(" WHERE ");
    belongs(place, &table.path, sql);
    if table.is_orphaned() {
        sql.push(" AND ");
        part.left_alone(table, sql);
    }
}

/// That a row of a child belongs to a picked one, step by step.
fn belongs(place: Place<'_>, path: &[&Child], sql: &mut Sql) {
    let Some((child, above)) = path.split_first() else { return };
    sql.push("(");
    for (at, column) in child.on.keys().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).name(&child.table).push(".").name(column);
    }
    sql.push(") IN (SELECT ");
    let Some(parent) = above.first() else {
        sql.names(child.on.values()).push(" FROM tokenkeeper_picked)");
        return;
    };
    for (at, column) in child.on.values().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).name(&parent.table).push(".").name(column);
    }
    sql.push(" FROM ");
    place.part.table(&parent.table, sql);
    sql.push(" WHERE ");
    belongs(place, above, sql);
    sql.push(")");
}
