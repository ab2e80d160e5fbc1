//! What a backup has of a table.

use crate::cleanup::{
    policy::Identifier,
    script::{
        Part,
        place::{Place, spelled, text},
        shape,
        shape::Table,
    },
    sql::Sql,
};

pub(super) fn add(Place { part, table, .. }: Place<'_>, name: &str, sql: &mut Sql) {
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
