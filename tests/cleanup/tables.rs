//! The tables of products, for each kind of database. Who fills them is the tests' concern.

use std::fs;

use crate::harness::databases::{self, Kind};

/// The product's tables in the database's own words. NOT NULL is left out: the tests put NULL everywhere.
pub fn tables(kind: Kind, fixture: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cleanup/fixtures");
    let sql = fs::read_to_string(format!("{folder}/{fixture}.sql")).unwrap();
    let at = databases::each().iter().position(|each| *each == kind).unwrap();
    let sql = TYPES.iter().fold(sql, |sql, (word, types)| sql.replace(word, types[at]));
    match kind {
        Kind::Postgres => sql,
        Kind::Sqlite => sql.replace("dbo.", "").replace("dmscs.", ""),
        Kind::MySql => sql.replace("dbo.", "").replace("dmscs.", "").replace('"', "`"),
    }
}

/// SQLite, PostgreSQL, MariaDB.
const TYPES: [(&str, [&str; 3]); 9] = [
    ("{id}", ["INTEGER", "BIGINT", "BIGINT"]),
    ("{int}", ["INTEGER", "BIGINT", "BIGINT"]),
    ("{uuid}", ["CHAR(36)", "UUID", "CHAR(36)"]),
    ("{text}", ["TEXT", "TEXT", "TEXT"]),
    ("{blob}", ["BLOB", "BYTEA", "BLOB"]),
    ("{bool}", ["BOOLEAN", "BOOLEAN", "TINYINT(1)"]),
    ("{datetime}", ["DATETIME", "TIMESTAMP", "DATETIME(6)"]),
    ("{stamp}", ["TIMESTAMP", "TIMESTAMP", "TIMESTAMP(3) NULL"]),
    ("{instant}", ["TEXT", "TIMESTAMPTZ", "DATETIME(6)"]),
];
