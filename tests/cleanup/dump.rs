//! Every row of every table of a fixture, to the last byte.

use std::collections::BTreeMap;

use tokenkeeper_worker::cleanup::{
    policy::{Case, Identifier, Policy},
    sql::Sql,
    survey::catalog::TableName,
};

use crate::{ground::Ground, harness::databases::Kind, tables::tables};

/// Rows by table, sorted.
pub type Dump = BTreeMap<String, Vec<Vec<Option<String>>>>;

/// The product's tables; those that have this in front of their names, where they are there.
pub async fn dump(ground: &Ground, policy: &Policy, before: &str) -> Dump {
    let database = ground.open();
    let mut dump = Dump::new();
    let script = tables(ground.place.kind, &policy.name);
    for words in script.split("CREATE TABLE ").skip(1) {
        let name = words.split(' ').next().unwrap();
        let table: Identifier = format!("{before}{name}").parse().unwrap();
        let named = TableName::new(None, &table, database.dialect(), Case::Fold);
        let columns = database.columns(&named).await.unwrap();
        if columns.is_empty() {
            continue;
        }
        let mut sql = Sql::new(database.dialect(), Case::Fold);
        for (at, column) in columns.iter().enumerate() {
            sql.push(if at == 0 { "SELECT " } else { ", " });
            let (front, back) = match ground.place.kind {
                Kind::Postgres => ("encode(convert_to(CAST(", " AS text), 'UTF8'), 'hex')"),
                // As text they would be the session's wall clock.
                Kind::MySql if column.sql_type.starts_with("timestamp") => {
                    ("CAST(UNIX_TIMESTAMP(", ") AS CHAR)")
                }
                Kind::MySql => ("HEX(CAST(", " AS BINARY))"),
                Kind::Sqlite => ("quote(", ")"),
            };
            sql.push(front).spelled(&column.name.parse().unwrap()).push(back);
        }
        sql.push(" FROM ").name(&table);
        let mut rows = database.rows(&sql).await.unwrap_or_else(|e| panic!("{ground}: {e}"));
        rows.sort();
        dump.insert(name.to_owned(), rows);
    }
    database.close().await;
    dump
}

/// How many.
pub fn rows(dump: &Dump) -> u64 {
    dump.values().map(|rows| rows.len() as u64).sum()
}
