//! The statements of a batch, as texts that the procedure prepares.

mod taking;

use crate::cleanup::{
    policy::Identifier,
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
        "temporary" => sql.quoted(|sql| temporary(place, sql)),
        "window" => sql.quoted(|sql| window(place, sql)),
        "window_end" => sql.quoted(|sql| {
            in_order(place, sql);
            sql.push(" LIMIT 1 OFFSET 19999");
        }),
        "pick" => sql.quoted(|sql| pick(place, sql)),
        "pick_end" => sql.quoted(|sql| in_order(place, sql)),
        "last" => sql.quoted(|sql| last(place, sql)),
        other => taking::add(place, other, sql),
    }
}

/// Adds something for each column of the key, with its number, and commas between.
fn keys(place: Place<'_>, sql: &mut Sql, add: impl Fn(&mut Sql, i64, &Identifier)) {
    for (at, key) in place.part.target.key.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        add(sql, number(at + 1), key);
    }
}

/// Where the keys of a batch are kept, and why each row goes.
fn temporary(place: Place<'_>, sql: &mut Sql) {
    let target = place.part.target;
    sql.push("CREATE TEMPORARY TABLE tokenkeeper_picked (PRIMARY KEY (").names(&target.key);
    sql.push(")) AS SELECT ").names(shape::found_by(target));
    sql.push(", 0 AS tokenkeeper_reason FROM ");
    place.part.table(&target.table, sql);
    sql.push(" LIMIT 0");
}

/// Where a window ends.
fn window(place: Place<'_>, sql: &mut Sql) {
    let own = &place.part.target.table;
    sql.push("SELECT ");
    keys(place, sql, |sql, _, key| {
        sql.name(own).push(".").name(key);
    });
    sql.push(" INTO ");
    keys(place, sql, |sql, at, _| {
        sql.push("@tk_to_").number(at);
    });
    sql.push(" FROM ");
    place.part.table(own, sql);
    sql.push(" WHERE 1 = 1");
}

/// The last key that was picked.
fn last(place: Place<'_>, sql: &mut Sql) {
    sql.push("SELECT ").names(&place.part.target.key).push(" INTO ");
    keys(place, sql, |sql, at, _| {
        sql.push("@tk_last_").number(at);
    });
    sql.push(" FROM tokenkeeper_picked ORDER BY ");
    keys(place, sql, |sql, _, key| {
        sql.name(key).push(" DESC");
    });
    sql.push(" LIMIT 1");
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
