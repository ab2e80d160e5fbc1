//! What the procedure looks at before anything else: whether the tables are the policy's.

use super::text::{COLUMN, FUTURE, KEY, REFERENCES, TABLE};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Column, Encoding, Family, Identifier},
    script::{Part, fingerprint, place::spelled, shape},
    sql::Sql,
};

pub(super) fn target(part: &Part<'_>, sql: &mut Sql) {
    let target = part.target;
    if target.optional {
        fill(part, None, "    IF to_regclass('{table}') IS NOT NULL THEN\n", sql);
    }
    fill(part, None, TABLE, sql);
    for name in target.columns.keys() {
        fill(part, Some(name), COLUMN, sql);
    }
    fill(part, None, KEY, sql);
    fill(part, None, REFERENCES, sql);
    fingerprint::future(part, sql, &|name, sql| fill(part, Some(name), FUTURE, sql));
    sql.push(if target.optional { "    END IF;\n" } else { "" });
}

fn fill(part: &Part<'_>, name: Option<&Identifier>, template: &'static str, sql: &mut Sql) {
    let target = part.target;
    sql.fill(template, &|sql, word| match (word, name) {
        ("table", _) => part.table(&target.table, sql),
        ("column", Some(name)) => spelled(name, sql),
        ("quoted", Some(name)) => drop(sql.name(name)),
        ("types", Some(name)) => {
            let pattern = target.columns.get(name).map_or(".", types);
            sql.push(pattern);
        }
        ("keys", _) => keys(&target.key, sql),
        ("known", _) => {
            for table in shape::known(target) {
                sql.push(", COALESCE(CAST(to_regclass('");
                part.table(table, sql);
                sql.push("') AS oid), 0)");
            }
        }
        _ => {}
    });
}

fn keys(names: &[Identifier], sql: &mut Sql) {
    let (dialect, case) = (sql.dialect(), sql.case());
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_by_key(|name| name.spelled(dialect, case));
    for (at, name) in sorted.into_iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        spelled(name, sql);
    }
}

/// A pattern of the types that a column may have.
fn types(column: &Column) -> &'static str {
    const NUMBER: &str = "int|numeric";
    const TEXT: &str = "char|text|enum";
    match column {
        Column::Plain(Family::Any) => ".",
        Column::Plain(Family::Text) => TEXT,
        Column::Plain(Family::Integer) | Column::Duration(_) => NUMBER,
        Column::Plain(Family::Boolean) => "bool|int|bit",
        Column::Plain(Family::Uuid) => "uuid|char",
        Column::Time(of) => match of.time.on(Dialect::Postgres) {
            Encoding::Epoch(_) => NUMBER,
            Encoding::EpochMsText => TEXT,
            Encoding::Timestamptz => "with time zone",
            Encoding::UtcNaive | Encoding::SessionNaive(_) => "^timestamp.* without time zone",
        },
    }
}
