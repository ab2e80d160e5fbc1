//! What the procedure looks at before anything else: whether the tables are the policy's.

use crate::cleanup::{
    dialect::Dialect,
    policy::{Column, Encoding, Family, Identifier},
    script::{
        Part,
        fingerprint::{self, Checks},
        place::{spelled, text},
        shape,
    },
    sql::Sql,
};

pub(super) fn target(part: &Part<'_>, sql: &mut Sql) {
    fingerprint::checks(part, &CHECKS, sql, &|name, template, sql| fill(part, name, template, sql));
}

fn fill(part: &Part<'_>, name: Option<&Identifier>, template: &'static str, sql: &mut Sql) {
    let target = part.target;
    let table = &target.table;
    sql.fill(template, &|sql, word| match (word, name) {
        ("owner", _) => match &target.schema {
            Some(schema) => spelled(schema, sql),
            None => drop(sql.push("DATABASE()")),
        },
        ("table", _) => part.table(table, sql),
        ("table_text", _) => spelled(table, sql),
        ("column", Some(name)) => spelled(name, sql),
        ("quoted", Some(name)) => drop(sql.name(name)),
        ("types", Some(name)) => drop(sql.push(target.columns.get(name).map_or(".", types))),
        ("keys", _) => {
            let mut sorted: Vec<_> =
                target.key.iter().map(|key| key.as_str().to_lowercase()).collect();
            sorted.sort();
            text(&sorted.join(","), sql);
        }
        ("known", _) => {
            for table in shape::known(target) {
                sql.push(", ");
                text(&table.as_str().to_lowercase(), sql);
            }
        }
        (word, _) => message(word, table, name, sql),
    });
}

/// What is said where a look finds something else.
fn message(word: &str, table: &Identifier, name: Option<&Identifier>, sql: &mut Sql) {
    let named = name.map_or("", Identifier::as_str);
    let said = match word {
        "no_table" => format!("there is no table {table}, or this user may not see it"),
        "no_column" => {
            format!("column {named} of {table} is missing or has another type: another version")
        }
        "other_key" => format!("the primary key of {table} has other columns: another version"),
        "unknown" => {
            format!("a table that the policy does not know refers to {table}: add it as a child")
        }
        "future" => format!(
            "the newest {named} of {table} lies in the future: its time zone is another one"
        ),
        _ => return,
    };
    // All that a SIGNAL takes.
    text(&said.chars().take(128).collect::<String>(), sql);
}

/// A pattern of the types that a column may have.
fn types(column: &Column) -> &'static str {
    const NUMBER: &str = "int|decimal";
    const TEXT: &str = "char|text|enum";
    match column {
        Column::Plain(Family::Any) => ".",
        Column::Plain(Family::Text) => TEXT,
        Column::Plain(Family::Integer) | Column::Duration(_) => NUMBER,
        Column::Plain(Family::Boolean) => "bool|int|bit",
        Column::Plain(Family::Uuid) => "uuid|char|binary",
        Column::Time(of) => match of.time.on(Dialect::MySql) {
            Encoding::Epoch(_) => NUMBER,
            Encoding::EpochMsText => "char|text",
            Encoding::Timestamptz => "timestamp",
            Encoding::UtcNaive | Encoding::SessionNaive(_) => "timestamp|datetime",
        },
    }
}

const CHECKS: Checks = Checks {
    there: "    IF EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = {owner} AND table_name = {table_text}) THEN\n",
    table: "    IF NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = {owner} AND table_name = {table_text}
      AND table_type = 'BASE TABLE') THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {no_table};
    END IF;
",
    column: "    IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = {owner} AND table_name = {table_text}
      AND LOWER(column_name) = LOWER({column}) AND column_type REGEXP '{types}') THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {no_column};
    END IF;
",
    key: "    IF COALESCE((SELECT GROUP_CONCAT(LOWER(column_name) ORDER BY LOWER(column_name)) FROM information_schema.statistics
      WHERE table_schema = {owner} AND table_name = {table_text} AND index_name = 'PRIMARY'), '') <> {keys} THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {other_key};
    END IF;
",
    references: "    IF EXISTS (SELECT 1 FROM information_schema.key_column_usage WHERE referenced_table_schema = {owner}
      AND LOWER(referenced_table_name) = LOWER({table_text}) AND LOWER(table_name) NOT IN (''{known})) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {unknown};
    END IF;
",
    future: "    IF EXISTS (SELECT 1 FROM {table} WHERE CAST({quoted} AS DATETIME(6)) > DATE_ADD(@tk_utc, INTERVAL 5 MINUTE)) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {future};
    END IF;
",
};
