//! The copies that rehearsals make, and what must not change beside them.

use std::{collections::BTreeSet, fs, path::PathBuf};

use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use crate::{
    cleaning::number_of,
    ground::Ground,
    harness::{
        databases::Kind,
        servers::{mysql, postgres},
    },
};

/// A rehearsal drops what dead ones have left on its server, whichever test they were of.
pub static COPIES: Mutex<()> = Mutex::const_new(());

/// Somebody who keeps PostgreSQL from copying by itself.
pub async fn crowd(ground: &Ground) -> Option<PgConnection> {
    match ground.place.kind {
        Kind::Postgres => Some(PgConnection::connect(&ground.place.url).await.unwrap()),
        _ => None,
    }
}

/// Every table, and every row of it; of SQLite the file.
pub fn state(ground: &Ground) -> Vec<String> {
    let database = ground.place.name();
    match ground.place.kind {
        Kind::Sqlite => vec![format!("{:?}", fs::read(file(ground)).unwrap())],
        Kind::Postgres => {
            let tables = postgres().execute(database, TABLES);
            let sum = |table: &str| {
                let sql = format!(
                    "SELECT '{table}', md5(string_agg(CAST(t AS text), '|' ORDER BY CAST(t AS text))) FROM {table} t"
                );
                postgres().execute(database, &sql)
            };
            tables.lines().map(sum).collect()
        }
        Kind::MySql => {
            let tables = mysql().execute(database, "SHOW TABLES");
            let sum = |table: &str| {
                mysql().execute(database, &format!("CHECKSUM TABLE {table} EXTENDED"))
            };
            tables.lines().map(sum).collect()
        }
    }
}

fn file(ground: &Ground) -> PathBuf {
    ground.place.url.strip_prefix("sqlite://").unwrap().into()
}

/// The copies that are there.
pub fn copies(ground: &Ground) -> BTreeSet<String> {
    let like = r"LIKE 'tokenkeeper\_rehearsal\_%'";
    let said = match ground.place.kind {
        Kind::Sqlite => {
            let folder = fs::read_dir(file(ground).parent().unwrap()).unwrap();
            let paths = folder.map(|entry| entry.unwrap().path().display().to_string());
            return paths.filter(|path| path.contains("rehearsal")).collect();
        }
        Kind::Postgres => postgres()
            .execute("postgres", &format!("SELECT datname FROM pg_database WHERE datname {like}")),
        Kind::MySql => mysql().execute("mysql", &format!("SHOW DATABASES {like}")),
    };
    said.lines().map(str::to_owned).collect()
}

pub fn is_there(ground: &Ground, copy: &str) -> bool {
    copies(ground).iter().any(|there| there.starts_with(copy))
}

pub async fn of_copy(ground: &Ground, copy: &str, sql: &'static str) -> i64 {
    let said = match ground.place.kind {
        Kind::Sqlite => return number_of(&format!("sqlite://{copy}"), sql).await,
        Kind::Postgres => postgres().execute(copy, sql),
        Kind::MySql => mysql().execute(copy, sql),
    };
    said.trim().parse().unwrap()
}

pub fn drop_copy(ground: &Ground, copy: &str) {
    match ground.place.kind {
        Kind::Sqlite => fs::remove_file(copy).unwrap(),
        Kind::Postgres => drop(postgres().execute("postgres", &format!("DROP DATABASE {copy}"))),
        Kind::MySql => drop(mysql().execute("mysql", &format!("DROP DATABASE {copy}"))),
    }
}

const TABLES: &str = "SELECT CAST(CAST(oid AS regclass) AS text) FROM pg_class WHERE relkind = 'r' \
     AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema')) ORDER BY 1";
