//! The statements of a batch, as texts that the procedure prepares.

use crate::cleanup::{
    policy::{Child, Identifier, Related},
    predicate,
    script::{
        place::{Place, number},
        shape,
    },
    sql::Sql,
};

pub(super) fn add(place: Place<'_>, name: &str, sql: &mut Sql) {
    let part = place.part;
    let own = &part.target.table;
    match name {
        "to_cleared" => keys(place, sql, |sql, at, _| {
            sql.push("@tk_to_").number(at).push(" = NULL");
        }),
        "last_cleared" => keys(place, sql, |sql, at, _| {
            sql.push("@tk_last_").number(at).push(" = NULL");
        }),
        "from_last" => keys(place, sql, |sql, at, _| {
            sql.push("@tk_from_").number(at).push(" = @tk_last_").number(at);
        }),
        "from_to" => keys(place, sql, |sql, at, _| {
            sql.push("@tk_from_").number(at).push(" = @tk_to_").number(at);
        }),
        "behind" => sql.quoted(|sql| {
            sql.push(" AND ");
            compare(own, &part.target.key, 1, true, sql);
        }),
        "not_behind" => sql.quoted(|sql| {
            sql.push(" AND ");
            compare(own, &part.target.key, 1, false, sql);
        }),
        "temporary" => sql.quoted(|sql| {
            sql.push("CREATE TEMPORARY TABLE tokenkeeper_picked (PRIMARY KEY (")
                .names(&part.target.key);
            sql.push(")) AS SELECT ").names(shape::found_by(part.target));
            sql.push(", 0 AS tokenkeeper_reason FROM ");
            part.table(own, sql);
            sql.push(" LIMIT 0");
        }),
        "window" => sql.quoted(|sql| {
            sql.push("SELECT ");
            keys(place, sql, |sql, _, key| {
                sql.name(own).push(".").name(key);
            });
            sql.push(" INTO ");
            keys(place, sql, |sql, at, _| {
                sql.push("@tk_to_").number(at);
            });
            sql.push(" FROM ");
            part.table(own, sql);
            sql.push(" WHERE 1 = 1");
        }),
        "window_end" => sql.quoted(|sql| {
            in_order(place, sql);
            sql.push(" LIMIT 1 OFFSET 19999");
        }),
        "pick" => sql.quoted(|sql| pick(place, sql)),
        "pick_end" => sql.quoted(|sql| in_order(place, sql)),
        "last" => sql.quoted(|sql| {
            sql.push("SELECT ").names(&part.target.key).push(" INTO ");
            keys(place, sql, |sql, at, _| {
                sql.push("@tk_last_").number(at);
            });
            sql.push(" FROM tokenkeeper_picked ORDER BY ");
            keys(place, sql, |sql, _, key| {
                sql.name(key).push(" DESC");
            });
            sql.push(" LIMIT 1");
        }),
        other => add_taking(place, other, sql),
    }
}

/// The same for those that copy and delete.
fn add_taking(place: Place<'_>, name: &str, sql: &mut Sql) {
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

/// Adds something for each column of the key, with its number, and commas between.
fn keys(place: Place<'_>, sql: &mut Sql, add: impl Fn(&mut Sql, i64, &Identifier)) {
    for (at, key) in place.part.target.key.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        add(sql, number(at + 1), key);
    }
}

fn in_order(place: Place<'_>, sql: &mut Sql) {
    sql.push(" ORDER BY ");
    keys(place, sql, |sql, _, key| {
        sql.name(&place.part.target.table).push(".").name(key);
    });
}

/// That a row lies behind the key from which on is looked, or not behind the window's last one.
fn compare(table: &Identifier, keys: &[Identifier], at: i64, is_behind: bool, sql: &mut Sql) {
    let Some((key, more)) = keys.split_first() else { return };
    let against = |sql: &mut Sql, sign: &'static str| {
        sql.name(table).push(".").name(key).push(sign);
        sql.push(if is_behind { "@tk_from_" } else { "@tk_to_" }).number(at);
    };
    sql.push("(");
    match (more.is_empty(), is_behind) {
        (true, true) => against(sql, " > "),
        (true, false) => against(sql, " <= "),
        // The first half is for an index; the second says it exactly.
        (false, _) => {
            against(sql, if is_behind { " >= " } else { " <= " });
            sql.push(" AND (");
            against(sql, if is_behind { " > " } else { " < " });
            sql.push(" OR ");
            compare(table, more, at + 1, is_behind, sql);
            sql.push(")");
        }
    }
    sql.push(")");
}

fn pick(place: Place<'_>, sql: &mut Sql) {
    let part = place.part;
    let table = &part.target.table;
    sql.push("INSERT INTO tokenkeeper_picked SELECT ");
    for name in shape::found_by(part.target) {
        sql.name(table).push(".").name(name).push(", ");
    }
    sql.push("CASE");
    for (at, reason) in part.target.reasons.iter().enumerate() {
        sql.push(" WHEN ");
        predicate::because(part.target, reason).render(sql, &part.clock);
        sql.push(" THEN ").number(number(at));
    }
    sql.push(" END FROM ");
    part.table(table, sql);
    sql.push(" WHERE ");
    part.doomed(sql);
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
