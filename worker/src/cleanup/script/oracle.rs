//! PL/SQL for SQL*Plus or `SQLcl`, on Oracle 12.2 and later. What may not be there (backup tables, children) is named in
//! dynamic statements, since a block that names it would not compile.

mod text;

use self::text::{
    CANDIDATES, CHILD_ROWS, CLOCK, END, LOOKED, MAKE, MAKE_HEAD, OF_PROCEDURE, OF_SCRIPT, ORPHANS,
    PICK, PREVIEW, SETTINGS, TAKE, TAKE_CHILD,
};
use super::{Part, fingerprint, moments, shape::Table};
use crate::cleanup::{
    dialect::Dialect,
    policy::Child,
    sql::{Bind, Sql},
};

pub(super) fn write(parts: &[Part<'_>], sql: &mut Sql) {
    sql.push(SETTINGS);
    for part in parts {
        sql.push("\nDECLARE\n  found NUMBER;\nBEGIN\n");
        fingerprint::oracle(part, sql);
        sql.push("END;\n/\n");
        block(part, sql, &|sql| {
            sql.push("  found NUMBER;\nBEGIN\n");
            fingerprint::oracle_times(part, sql);
            named(part, &part.own, PREVIEW, sql);
        });
    }
    sql.push(LOOKED);
    for part in parts {
        backups(part, sql);
        block(part, sql, &|sql| clean(part, sql));
    }
    sql.push("\nEXIT SUCCESS\n");
}

/// What the procedure needs to be compiled: tables that are the policy's, and those for backups.
pub(super) fn prepare(parts: &[Part<'_>], sql: &mut Sql) {
    for part in parts {
        sql.push("\nDECLARE\n  found NUMBER;\nBEGIN\n");
        fingerprint::oracle(part, sql);
        sql.push("END;\n/\n");
        backups(part, sql);
    }
}

/// What the procedure does: it looks at each table, and then cleans it.
pub(super) fn store(parts: &[Part<'_>], sql: &mut Sql) {
    for part in parts {
        sql.push("  DECLARE\n  found NUMBER;\nBEGIN\n");
        fingerprint::oracle(part, sql);
        sql.push("END;\n");
        block(part, sql, &|sql| {
            sql.push("  found NUMBER;\nBEGIN\n  found := 0;\n");
            fingerprint::oracle_times(part, sql);
        });
    }
    for part in parts {
        block(part, sql, &|sql| clean(part, sql));
    }
}

fn backups(part: &Part<'_>, sql: &mut Sql) {
    named(part, &part.own, MAKE_HEAD, sql);
    for table in std::iter::once(&part.own).chain(&part.children) {
        named(part, table, MAKE, sql);
    }
    sql.push("END;\n/\n");
}

/// A block with the cut-offs that it uses.
fn block(part: &Part<'_>, sql: &mut Sql, inside: &dyn Fn(&mut Sql)) {
    let mut body = Sql::script(Dialect::Oracle, sql.case());
    inside(&mut body);
    named(part, &part.own, CLOCK, sql);
    moments::declare(body.moments(), &part.clock, sql);
    sql.append(&body).push(if part.is_stored { "END;\n" } else { "END;\n/\n" });
}

fn clean(part: &Part<'_>, sql: &mut Sql) {
    named(part, &part.own, PICK, sql);
    let (orphaned, children): (Vec<_>, Vec<_>) =
        part.children.iter().partition(|table| table.is_orphaned());
    for table in &children {
        named(part, table, CHILD_ROWS, sql);
        named(part, table, TAKE_CHILD, sql);
    }
    for table in &orphaned {
        named(part, table, CANDIDATES, sql);
    }
    named(part, &part.own, TAKE, sql);
    for table in &orphaned {
        named(part, table, ORPHANS, sql);
        named(part, table, TAKE_CHILD, sql);
    }
    named(part, &part.own, END, sql);
}

fn named(part: &Part<'_>, table: &Table<'_>, template: &'static str, sql: &mut Sql) {
    let text = |sql: &mut Sql, name: &crate::cleanup::policy::Identifier| {
        let (dialect, case) = (sql.dialect(), sql.case());
        sql.bind(Bind::Text(name.spelled(dialect, case)));
    };
    sql.fill(template, &|sql, name| match name {
        "target" => drop(sql.bind(Bind::Text(part.target.name.clone()))),
        "owner" => match &part.target.schema {
            Some(schema) => text(sql, schema),
            None => drop(sql.push("SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')")),
        },
        "table" => part.table(table.name, sql),
        "name" => drop(sql.name(table.name)),
        "table_name" => text(sql, table.name),
        "backup" => part.table(&table.backup, sql),
        "backup_name" => text(sql, &table.backup),
        "columns" => columns(table, None, sql),
        "forms" => columns(table, Some(FORM), sql),
        "values" => columns(table, Some(VALUE), sql),
        "reason" => part.reason(sql),
        "doomed" => part.doomed(sql),
        "belongs" => belongs(part, &table.path, sql),
        "number" => drop(sql.number(number(part, table))),
        "gathered" => gathered(part, sql),
        "left_alone" => part.left_alone(table, sql),
        other => {
            let words = if part.is_stored { &OF_PROCEDURE } else { &OF_SCRIPT };
            let word = words.iter().find(|(known, _)| *known == other);
            sql.push(word.map_or("", |(_, word)| word));
        }
    });
}

/// How many of the children come before this one.
fn number(part: &Part<'_>, table: &Table<'_>) -> i64 {
    let at = part.children.iter().position(|each| std::ptr::eq(each, table));
    i64::try_from(at.unwrap_or_default()).unwrap_or_default()
}

/// The variables for rows that may be orphans.
fn gathered(part: &Part<'_>, sql: &mut Sql) {
    for table in part.children.iter().filter(|table| table.is_orphaned()) {
        named(part, table, "  candidates_{number} SYS.ODCIVARCHAR2LIST;\n", sql);
    }
}

/// How a column that is hashed is written: before and after its name, and whether its table is named.
type Hashed = (&'static str, &'static str, bool);

fn columns(table: &Table<'_>, hashed: Option<Hashed>, sql: &mut Sql) {
    for (column, is_hashed) in &table.columns {
        match hashed.filter(|_| *is_hashed) {
            Some((before, after, true)) => {
                sql.push(before).name(table.name).push(".").name(column).push(after);
            }
            Some((before, ..)) => drop(sql.push(before).name(column)),
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

/// That a row of a child belongs to a picked one, step by step.
fn belongs(part: &Part<'_>, path: &[&Child], sql: &mut Sql) {
    let Some((child, above)) = path.split_first() else { return };
    let parent = above.first().map_or(&part.target.table, |parent| &parent.table);
    sql.push("EXISTS (SELECT 1 FROM ");
    part.table(parent, sql);
    sql.push(" WHERE ");
    for (theirs, ours) in &child.on {
        sql.name(parent).push(".").name(ours).push(" = ");
        sql.name(&child.table).push(".").name(theirs).push(" AND ");
    }
    if above.is_empty() {
        sql.name(parent).push(".ROWID IN (").push(ROWS).push("))");
    } else {
        belongs(part, above, sql);
        sql.push(")");
    }
}

const FORM: Hashed = ("CAST(NULL AS VARCHAR2(64)) AS ", "", false);
const VALUE: Hashed = ("LOWER(RAWTOHEX(STANDARD_HASH(", ", 'SHA256')))", true);
const ROWS: &str =
    "SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(CAST(:picked AS SYS.ODCIVARCHAR2LIST))";
