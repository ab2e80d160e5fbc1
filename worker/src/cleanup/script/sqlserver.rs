//! Transact-SQL, for SQL Server 2016 and later. One batch: a `GO` would forget its variables.

mod text;

use self::text::{END, LOOKED, MAKE, PICK, PREVIEW, SETTINGS, TAKE, TAKE_CHILD};
use super::{Part, fingerprint, moments, shape, shape::Table};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Child, Identifier},
    sql::{Bind, Sql},
};

pub(super) fn write(parts: &[Part<'_>], applies: bool, sql: &mut Sql) {
    let mut body = Sql::script(Dialect::SqlServer, sql.case());
    for part in parts {
        optionally(part, &mut body, &|sql| {
            fingerprint::sql_server(part, sql);
            fill(part, PREVIEW, sql);
        });
    }
    body.push(LOOKED);
    for (at, part) in parts.iter().enumerate() {
        optionally(part, &mut body, &|sql| clean(part, at, sql));
    }
    sql.fill(SETTINGS, &|sql, _| {
        sql.number(applies.into());
    });
    if let Some(part) = parts.first() {
        let moments = body.moments().to_vec();
        moments::declare(&moments, &part.clock, sql);
    }
    sql.append(&body);
}

/// An optional table's part is for where it is.
fn optionally(part: &Part<'_>, sql: &mut Sql, inside: &dyn Fn(&mut Sql)) {
    if part.target.optional {
        sql.push("\nIF ");
        object(part, &part.own, sql);
        sql.push(" IS NOT NULL\nBEGIN");
    }
    inside(sql);
    sql.push(if part.target.optional { "END;\n" } else { "" });
}

fn clean(part: &Part<'_>, at: usize, sql: &mut Sql) {
    for table in std::iter::once(&part.own).chain(&part.children) {
        named(part, at, table, MAKE, sql);
    }
    named(part, at, &part.own, PICK, sql);
    let (orphaned, children): (Vec<_>, Vec<_>) =
        part.children.iter().partition(|table| table.is_orphaned());
    for table in children {
        named(part, at, table, TAKE_CHILD, sql);
    }
    named(part, at, &part.own, TAKE, sql);
    for table in orphaned {
        named(part, at, table, TAKE_CHILD, sql);
    }
    named(part, at, &part.own, END, sql);
}

fn fill(part: &Part<'_>, template: &'static str, sql: &mut Sql) {
    named(part, 0, &part.own, template, sql);
}

fn named(part: &Part<'_>, at: usize, table: &Table<'_>, template: &'static str, sql: &mut Sql) {
    sql.fill(template, &|sql, name| match name {
        "at" => drop(sql.number(i64::try_from(at).unwrap_or_default() + 1)),
        "target" => drop(sql.bind(Bind::Text(part.target.name.clone()))),
        "table" => part.table(table.name, sql),
        "backup" => part.table(&table.backup, sql),
        "object" => object(part, table, sql),
        "backup_object" => {
            sql.push("OBJECT_ID('");
            part.table(&table.backup, sql);
            sql.push("')");
        }
        "key" => found_by(part, None, sql),
        "own_key" => found_by(part, Some(&part.target.table), sql),
        "columns" => columns(table, None, sql),
        "forms" => columns(table, Some(FORM), sql),
        "values" => columns(table, Some(VALUE), sql),
        "reason" => part.reason(sql),
        "doomed" => part.doomed(sql),
        "picked" => picked(part, at, table, sql),
        "belongs" => {
            belongs(part, at, &table.path, sql);
            if table.is_orphaned() {
                sql.push("\n          AND ");
                part.left_alone(table, sql);
            }
        }
        _ => {}
    });
}

fn object(part: &Part<'_>, table: &Table<'_>, sql: &mut Sql) {
    sql.push("OBJECT_ID('");
    part.table(table.name, sql);
    sql.push("', 'U')");
}

fn found_by(part: &Part<'_>, of: Option<&Identifier>, sql: &mut Sql) {
    for (at, column) in shape::found_by(part.target).into_iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        if let Some(table) = of {
            sql.name(table).push(".");
        }
        sql.name(column);
    }
}

/// How a column that is hashed is written: before and after its name.
type Hashed = (&'static str, &'static str, bool);

fn columns(table: &Table<'_>, hashed: Option<Hashed>, sql: &mut Sql) {
    for (column, is_hashed) in &table.columns {
        match hashed.filter(|_| *is_hashed) {
            Some((before, after, true)) => {
                sql.push(before).name(table.name).push(".").name(column).push(after);
            }
            Some((before, _, false)) => drop(sql.push(before).name(column)),
            None => {
                if hashed.is_some_and(|(.., is_value)| is_value) {
                    sql.name(table.name).push(".");
                }
                sql.name(column);
            }
        }
        sql.push(", ");
    }
}

/// That a row of the target is among those picked.
fn picked(part: &Part<'_>, at: usize, table: &Table<'_>, sql: &mut Sql) {
    exists(at, part.target.key.iter().map(|key| (key, key)), table.name, sql);
}

fn exists<'a>(
    at: usize,
    pairs: impl Iterator<Item = (&'a Identifier, &'a Identifier)>,
    table: &Identifier,
    sql: &mut Sql,
) {
    sql.push("EXISTS (SELECT 1 FROM #tokenkeeper_picked_");
    sql.number(i64::try_from(at).unwrap_or_default() + 1).push(" AS picked WHERE ");
    for (number, (theirs, ours)) in pairs.enumerate() {
        sql.push(if number == 0 { "" } else { " AND " }).push("picked.").name(ours).push(" = ");
        sql.name(table).push(".").name(theirs);
    }
    sql.push(")");
}

/// That a row of a child belongs to a picked one, step by step.
fn belongs(part: &Part<'_>, at: usize, path: &[&Child], sql: &mut Sql) {
    let Some((child, above)) = path.split_first() else { return };
    let Some(parent) = above.first() else {
        return exists(at, child.on.iter(), &child.table, sql);
    };
    sql.push("EXISTS (SELECT 1 FROM ");
    part.table(&parent.table, sql);
    sql.push(" WHERE ");
    for (theirs, ours) in &child.on {
        sql.name(&parent.table).push(".").name(ours).push(" = ");
        sql.name(&child.table).push(".").name(theirs).push(" AND ");
    }
    belongs(part, at, above, sql);
    sql.push(")");
}

const FORM: Hashed = ("CAST(NULL AS varchar(64)) AS ", "", false);
const VALUE: Hashed =
    ("LOWER(CONVERT(varchar(64), HASHBYTES('SHA2_256', CONVERT(varchar(8000), ", ")), 2))", true);
