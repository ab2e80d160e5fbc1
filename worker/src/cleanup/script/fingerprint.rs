//! What a script looks at before anything else: whether the tables are the policy's, whether tables that the policy
//! does not know refer to them, and whether times lie in the zone that it declares. What differs stops the script.

use super::{Part, shape};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Column, Encoding, Family, Identifier},
    sql::Sql,
};

/// The checks of a target in a procedure, with gaps: what is asked first of a table that need not be there, and then of
/// the table, each column, the key, references, and times.
pub(super) struct Checks {
    pub(super) there: &'static str,
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) key: &'static str,
    pub(super) references: &'static str,
    pub(super) future: &'static str,
}

/// Writes them by a function that fills the gaps.
pub(super) fn checks(
    part: &Part<'_>,
    texts: &Checks,
    sql: &mut Sql,
    fill: &dyn Fn(Option<&Identifier>, &'static str, &mut Sql),
) {
    let target = part.target;
    if target.optional {
        fill(None, texts.there, sql);
    }
    fill(None, texts.table, sql);
    for name in target.columns.keys() {
        fill(Some(name), texts.column, sql);
    }
    fill(None, texts.key, sql);
    fill(None, texts.references, sql);
    future(part, sql, &|name, sql| fill(Some(name), texts.future, sql));
    sql.push(if target.optional { "    END IF;\n" } else { "" });
}

/// The checks of a target for SQL Server.
pub(super) fn sql_server(part: &Part<'_>, sql: &mut Sql) {
    let target = part.target;
    all(part, None, SQL_SERVER_TABLE, sql);
    for (name, column) in &target.columns {
        sql.push("IF NOT EXISTS (SELECT 1 FROM sys.columns AS found WHERE found.object_id = ");
        all(part, None, "OBJECT_ID('{table}')", sql);
        all(
            part,
            Some(name),
            " AND found.name = {column}\n    AND TYPE_NAME(found.system_type_id) IN (",
            sql,
        );
        sql.push(types(column, Dialect::SqlServer)).push("))\n");
        all(part, Some(name), SQL_SERVER_COLUMN, sql);
    }
    for name in &target.key {
        all(part, Some(name), SQL_SERVER_KEY, sql);
    }
    all(part, None, SQL_SERVER_KEYS, sql);
    all(part, None, SQL_SERVER_REFERENCES, sql);
    future(part, sql, &|name, sql| all(part, Some(name), SQL_SERVER_FUTURE, sql));
}

/// The checks of a target for Oracle: statements of a block in which `found` is a number.
pub(super) fn oracle(part: &Part<'_>, sql: &mut Sql) {
    for (name, column) in &part.target.columns {
        all(part, Some(name), ORACLE_COLUMN, sql);
        sql.push(types(column, Dialect::Oracle));
        all(part, Some(name), ORACLE_NO_COLUMN, sql);
    }
    for name in &part.target.key {
        all(part, Some(name), ORACLE_KEY, sql);
    }
    all(part, None, ORACLE_KEYS, sql);
    all(part, None, ORACLE_REFERENCES, sql);
}

/// The same for times, in a block of its own: it is compiled when the columns are known to be there.
pub(super) fn oracle_times(part: &Part<'_>, sql: &mut Sql) {
    future(part, sql, &|name, sql| all(part, Some(name), ORACLE_FUTURE, sql));
}

/// Beginnings of lives that are wall clocks: in another zone they may lie in the future.
fn future(part: &Part<'_>, sql: &mut Sql, check: &dyn Fn(&Identifier, &mut Sql)) {
    let target = part.target;
    let begun: std::collections::BTreeSet<_> = target
        .expiries
        .values()
        .filter(|expiry| expiry.duration.is_some())
        .map(|expiry| &expiry.at)
        .collect();
    for name in begun {
        let Some(Column::Time(of)) = target.columns.get(name) else { continue };
        if of.time.on(sql.dialect()) == Encoding::UtcNaive {
            check(name, sql);
        }
    }
}

fn all(part: &Part<'_>, name: Option<&Identifier>, template: &'static str, sql: &mut Sql) {
    let target = part.target;
    let text = |sql: &mut Sql, name: &Identifier| {
        let (dialect, case) = (sql.dialect(), sql.case());
        sql.bind(crate::cleanup::sql::Bind::Text(name.spelled(dialect, case)));
    };
    sql.fill(template, &|sql, word| match (word, name) {
        ("table", _) => part.table(&target.table, sql),
        ("table_name", _) => text(sql, &target.table),
        ("owner", _) => match &target.schema {
            Some(schema) => text(sql, schema),
            None => drop(sql.push("SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')")),
        },
        ("column", Some(name)) => text(sql, name),
        ("quoted", Some(name)) => drop(sql.name(name)),
        ("keys", _) => drop(sql.number(i64::try_from(target.key.len()).unwrap_or_default())),
        ("known", _) => {
            for (at, table) in shape::known(target).into_iter().enumerate() {
                sql.push(if at == 0 { "" } else { ", " });
                if sql.dialect() == Dialect::SqlServer {
                    sql.push("ISNULL(OBJECT_ID('");
                    part.table(table, sql);
                    sql.push("'), 0)");
                } else {
                    text(sql, table);
                }
            }
            if shape::known(target).is_empty() {
                sql.push(if sql.dialect() == Dialect::SqlServer { "0" } else { "' '" });
            }
        }
        _ => {}
    });
}

fn types(column: &Column, dialect: Dialect) -> &'static str {
    let of = |sql_server: &'static str, oracle: &'static str| match dialect {
        Dialect::SqlServer => sql_server,
        _ => oracle,
    };
    match column {
        Column::Plain(Family::Any) => of(ANY, "."),
        Column::Plain(Family::Text) => of(TEXT.0, TEXT.1),
        Column::Plain(Family::Integer) | Column::Duration(_) => of(NUMBER.0, NUMBER.1),
        Column::Plain(Family::Boolean) => {
            of("'bit', 'tinyint', 'smallint', 'int', 'bigint'", "^(NUMBER|BOOLEAN)")
        }
        Column::Plain(Family::Uuid) => of(
            "'uniqueidentifier', 'char', 'varchar', 'nchar', 'nvarchar', 'binary', 'varbinary'",
            "CHAR|RAW",
        ),
        Column::Time(time) => match time.time.on(dialect) {
            Encoding::Epoch(_) => of(NUMBER.0, NUMBER.1),
            Encoding::EpochMsText => of(TEXT.0, TEXT.1),
            Encoding::Timestamptz => of("'datetimeoffset'", "TIME ZONE$"),
            Encoding::UtcNaive | Encoding::SessionNaive(_) => {
                of("'datetime', 'datetime2', 'smalldatetime'", "^(DATE|TIMESTAMP\\([0-9]+\\))$")
            }
        },
    }
}

/// Types on SQL Server, and a pattern of those on Oracle.
const NUMBER: (&str, &str) =
    ("'tinyint', 'smallint', 'int', 'bigint', 'numeric', 'decimal'", "^(NUMBER|FLOAT)");
const TEXT: (&str, &str) = ("'char', 'varchar', 'nchar', 'nvarchar', 'text', 'ntext'", "CHAR|CLOB");

const ANY: &str = "'bit', 'tinyint', 'smallint', 'int', 'bigint', 'numeric', 'decimal', 'float', 'real', 'char', 'varchar', \
     'nchar', 'nvarchar', 'text', 'ntext', 'binary', 'varbinary', 'image', 'uniqueidentifier', 'date', 'datetime', 'datetime2', \
     'smalldatetime', 'datetimeoffset', 'time'";

const SQL_SERVER_TABLE: &str = "
-- Whether {table} is the policy's.
IF OBJECT_ID('{table}', 'U') IS NULL THROW 50001, 'there is no table {table}, or this user may not see it', 1;
";
const SQL_SERVER_COLUMN: &str = "    THROW 50001, 'the column {quoted} of {table} is missing or has another type: another version', 1;\n";
const SQL_SERVER_KEY: &str = "IF NOT EXISTS (SELECT 1 FROM sys.indexes AS made
    JOIN sys.index_columns AS used ON used.object_id = made.object_id AND used.index_id = made.index_id
    WHERE made.is_primary_key = 1 AND made.object_id = OBJECT_ID('{table}')
    AND COL_NAME(used.object_id, used.column_id) = {column})
    THROW 50001, 'the primary key of {table} has no column {quoted}: another version', 1;
";
const SQL_SERVER_KEYS: &str = "IF {keys} <> (SELECT COUNT(*) FROM sys.indexes AS made
    JOIN sys.index_columns AS used ON used.object_id = made.object_id AND used.index_id = made.index_id
    WHERE made.is_primary_key = 1 AND made.object_id = OBJECT_ID('{table}'))
    THROW 50001, 'the primary key of {table} has other columns: another version', 1;
";
const SQL_SERVER_REFERENCES: &str = "IF EXISTS (SELECT 1 FROM sys.foreign_keys AS refers
    WHERE refers.referenced_object_id = OBJECT_ID('{table}') AND refers.parent_object_id NOT IN ({known}))
    THROW 50001, 'a table that the policy does not know refers to {table}: add it as a child', 1;
";
const SQL_SERVER_FUTURE: &str = "IF EXISTS (SELECT 1 FROM {table} WHERE {quoted} > DATEADD(MINUTE, 5, @utc))
    THROW 50001, 'the newest {quoted} of {table} lies in the future: its time zone is another one', 1;
";

const ORACLE_COLUMN: &str = "  SELECT COUNT(*) INTO found FROM ALL_TAB_COLUMNS
  WHERE OWNER = {owner} AND TABLE_NAME = {table_name} AND COLUMN_NAME = {column} AND REGEXP_LIKE(DATA_TYPE, '";
const ORACLE_NO_COLUMN: &str = "');
  IF found = 0 THEN
    RAISE_APPLICATION_ERROR(-20001, 'the column {quoted} of {table} is missing or has another type: another version');
  END IF;
";
const ORACLE_KEY: &str = "  SELECT COUNT(*) INTO found FROM ALL_CONSTRAINTS made
  JOIN ALL_CONS_COLUMNS used ON used.OWNER = made.OWNER AND used.CONSTRAINT_NAME = made.CONSTRAINT_NAME
  WHERE made.CONSTRAINT_TYPE = 'P' AND made.OWNER = {owner} AND made.TABLE_NAME = {table_name}
  AND used.COLUMN_NAME = {column};
  IF found = 0 THEN
    RAISE_APPLICATION_ERROR(-20001, 'the primary key of {table} has no column {quoted}: another version');
  END IF;
";
const ORACLE_KEYS: &str = "  SELECT COUNT(*) INTO found FROM ALL_CONSTRAINTS made
  JOIN ALL_CONS_COLUMNS used ON used.OWNER = made.OWNER AND used.CONSTRAINT_NAME = made.CONSTRAINT_NAME
  WHERE made.CONSTRAINT_TYPE = 'P' AND made.OWNER = {owner} AND made.TABLE_NAME = {table_name};
  IF found <> {keys} THEN
    RAISE_APPLICATION_ERROR(-20001, 'the primary key of {table} has other columns: another version');
  END IF;
";
const ORACLE_REFERENCES: &str = "  SELECT COUNT(*) INTO found FROM ALL_CONSTRAINTS refers
  JOIN ALL_CONSTRAINTS made ON made.OWNER = refers.R_OWNER AND made.CONSTRAINT_NAME = refers.R_CONSTRAINT_NAME
  WHERE refers.CONSTRAINT_TYPE = 'R' AND made.OWNER = {owner} AND made.TABLE_NAME = {table_name}
  AND refers.TABLE_NAME NOT IN ({known});
  IF found > 0 THEN
    RAISE_APPLICATION_ERROR(-20001, 'a table that the policy does not know refers to {table}: add it as a child');
  END IF;
";
const ORACLE_FUTURE: &str = "  SELECT COUNT(*) INTO found FROM {table} WHERE {quoted} > tokenkeeper_utc + INTERVAL '5' MINUTE AND ROWNUM = 1;
  IF found > 0 THEN
    RAISE_APPLICATION_ERROR(-20001, 'the newest {quoted} of {table} lies in the future: its time zone is another one');
  END IF;
";
