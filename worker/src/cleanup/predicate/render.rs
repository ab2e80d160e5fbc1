//! The tree as SQL. One place for all databases; how they reckon with time lies in `time`.

use super::{ColumnRef, IsText, Predicate, because, time};
use crate::cleanup::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Target, Value},
    sql::{Bind, Sql},
};

/// Adds the name of the first reason that holds, and NULL where none does.
pub fn reason_name(target: &Target, clock: &DatabaseClock, sql: &mut Sql) {
    sql.push("CASE");
    for reason in &target.reasons {
        sql.push(" WHEN ");
        because(target, reason).render(sql, clock);
        sql.push(" THEN ").bind(Bind::Text(reason.name.clone()));
    }
    sql.push(" END");
}

impl Predicate {
    /// Adds the condition to a statement whose target table has no alias. Where a column is NULL, it may be
    /// NULL instead of false: good in WHERE, not under NOT.
    pub fn render(&self, sql: &mut Sql, clock: &DatabaseClock) {
        match self {
            Self::All(parts) => join(parts, "1 = 1", " AND ", sql, clock),
            Self::Any(parts) => join(parts, "1 = 0", " OR ", sql, clock),
            Self::In(column, values) => one_of(column, values, sql),
            Self::Absent(column, is_text) => absent(column, *is_text, sql),
            Self::Present(column, is_text) => {
                sql.push("NOT ");
                absent(column, *is_text, sql);
            }
            Self::Past(instant) => time::past(instant, &clock.cut(instant.grace), sql),
            Self::Elapsed { from, length, unit, never_from } => {
                let cut = clock.cut(from.grace);
                time::elapsed(from, &cut, (length, *unit, *never_from), sql);
            }
            Self::Equal(one, other) => {
                one.render(sql);
                sql.push(" = ");
                other.render(sql);
            }
            Self::Greater(one, other) => {
                one.render(sql);
                sql.push(" > ");
                other.render(sql);
            }
            Self::Exists { schema, table, depth, matching, negated } => {
                sql.push(if *negated {
                    "NOT EXISTS (SELECT 1 FROM "
                } else {
                    "EXISTS (SELECT 1 FROM "
                });
                sql.table(schema.as_ref(), table).push(" ").alias(*depth).push(" WHERE ");
                matching.render(sql, clock);
                sql.push(")");
            }
        }
    }
}

impl ColumnRef {
    pub(super) fn render(&self, sql: &mut Sql) {
        if self.depth == 0 {
            sql.name(&self.table)
        } else {
            sql.alias(self.depth)
        };
        sql.push(".").name(&self.column);
    }
}

fn join(
    parts: &[Predicate],
    empty: &'static str,
    word: &'static str,
    sql: &mut Sql,
    clock: &DatabaseClock,
) {
    if parts.is_empty() {
        sql.push(empty);
    }
    for (at, part) in parts.iter().enumerate() {
        sql.push(if at == 0 { "(" } else { word });
        part.render(sql, clock);
    }
    if !parts.is_empty() {
        sql.push(")");
    }
}

fn one_of(column: &ColumnRef, values: &[Value], sql: &mut Sql) {
    // MySQL compares texts without regard to case and to blanks at the end.
    let exact = sql.dialect() == Dialect::MySql
        && values.iter().any(|value| matches!(value, Value::Text(_)));
    sql.push(if exact { "CAST(" } else { "" });
    column.render(sql);
    sql.push(if exact { " AS BINARY) IN (" } else { " IN (" });
    for (at, value) in values.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        self::value(value, sql);
    }
    sql.push(")");
}

fn value(value: &Value, sql: &mut Sql) {
    let words = sql.dialect() == Dialect::Postgres;
    match value {
        Value::Bool(true) => sql.push(if words { "TRUE" } else { "1" }),
        Value::Bool(false) => sql.push(if words { "FALSE" } else { "0" }),
        Value::Int(number) => sql.bind(Bind::Int(*number)),
        Value::Text(text) if sql.dialect() == Dialect::MySql => {
            sql.push("CAST(").bind(Bind::Text(text.clone())).push(" AS BINARY)")
        }
        Value::Text(text) => sql.bind(Bind::Text(text.clone())),
    };
}

fn absent(column: &ColumnRef, is_text: IsText, sql: &mut Sql) {
    sql.push("(");
    column.render(sql);
    sql.push(" IS NULL");
    // Oracle takes '' for NULL; two others take blanks for ''.
    let empty = match sql.dialect() {
        Dialect::Oracle => None,
        Dialect::MySql => Some((" OR LENGTH(", ") = 0")),
        Dialect::SqlServer => Some((" OR DATALENGTH(", ") = 0")),
        Dialect::Sqlite | Dialect::Postgres => Some((" OR ", " = ''")),
    };
    if let Some((before, after)) = empty.filter(|_| is_text.0) {
        sql.push(before);
        column.render(sql);
        sql.push(after);
    }
    sql.push(")");
}
