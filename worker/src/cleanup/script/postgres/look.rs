//! What the procedure looks at before anything else: whether the tables are the policy's.

use crate::cleanup::{
    dialect::Dialect,
    policy::{Column, Encoding, Family, Identifier},
    script::{
        Part,
        fingerprint::{self, Checks},
        place::spelled,
        shape,
    },
    sql::Sql,
};

pub(super) fn target(part: &Part<'_>, sql: &mut Sql) {
    fingerprint::checks(part, &CHECKS, sql, &|name, template, sql| fill(part, name, template, sql));
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

const CHECKS: Checks = Checks {
    there: "    IF to_regclass('{table}') IS NOT NULL THEN\n",
    table: "
    -- Whether {table} is the policy's.
    IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('{table}')) IS DISTINCT FROM 'r' THEN
      RAISE EXCEPTION USING MESSAGE = 'there is no table {table}, this user may not see it, or it is partitioned';
    END IF;
",
    column: "    IF NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('{table}') AND attname = {column}
      AND attnum > 0 AND NOT attisdropped AND format_type(atttypid, NULL) ~ '{types}') THEN
      RAISE EXCEPTION USING MESSAGE = 'the column {quoted} of {table} is missing or has another type: another version';
    END IF;
",
    key: "    IF (SELECT array_agg(CAST(attname AS text) ORDER BY CAST(attname AS text) COLLATE \"C\") FROM pg_constraint
      JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)
      WHERE conrelid = to_regclass('{table}') AND contype = 'p') IS DISTINCT FROM ARRAY[{keys}] THEN
      RAISE EXCEPTION USING MESSAGE = 'the primary key of {table} has other columns: another version';
    END IF;
",
    references: "    IF EXISTS (SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass('{table}')
      AND conrelid NOT IN (0{known})) THEN
      RAISE EXCEPTION USING MESSAGE = 'a table that the policy does not know refers to {table}: add it as a child';
    END IF;
",
    future: "    IF EXISTS (SELECT 1 FROM {table} WHERE {quoted} > tk_utc + interval '5 minutes' AND isfinite({quoted})) THEN
      RAISE EXCEPTION USING MESSAGE = 'the newest {quoted} of {table} lies in the future: its time zone is another one';
    END IF;
",
};
