//! SQL past the store, for what a bench prepares, counts and explains.
//! What the statements say is the benches' concern.

use sqlx::{
    AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, SqliteConnection,
    raw_sql,
};

use crate::suites::harness::databases::Kind;

/// Runs one body on a new connection of a kind.
macro_rules! on_connection {
    ($kind:expr, $url:expr, $connection:ident => $body:expr) => {
        match $kind {
            Kind::Sqlite => {
                let mut $connection = SqliteConnection::connect($url).await.unwrap();
                $body
            }
            Kind::Postgres => {
                let mut $connection = PgConnection::connect($url).await.unwrap();
                $body
            }
            Kind::MySql => {
                let mut $connection = MySqlConnection::connect($url).await.unwrap();
                $body
            }
        }
    };
}

pub async fn run(kind: Kind, url: &str, sql: &str) {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    on_connection!(kind, url, connection => {
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The first column of the first row, as the database writes it.
pub async fn text(kind: Kind, url: &str, sql: &str) -> String {
    rows(kind, url, sql, &[0]).await.remove(0).remove(0)
}

/// These columns of every row, as the database writes them.
pub async fn rows(kind: Kind, url: &str, sql: &str, columns: &[usize]) -> Vec<Vec<String>> {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    on_connection!(kind, url, connection => {
        let rows = connection.fetch_all(sql).await.unwrap();
        connection.close().await.unwrap();
        let read = |row: &_, column: &usize| {
            let value: Option<String> = Row::try_get_unchecked(row, *column).unwrap();
            value.unwrap_or_default()
        };
        rows.iter().map(|row| columns.iter().map(|column| read(row, column)).collect()).collect()
    })
}

/// What the database is, and how much of a commit it makes sure of before it acknowledges it.
pub async fn about(kind: Kind, url: &str) -> String {
    let ask = async |sql| text(kind, url, sql).await;
    match kind {
        // As the store opens it: SQLite's default is `synchronous = FULL`.
        Kind::Sqlite => {
            format!("SQLite {}, synchronous=FULL", ask("SELECT sqlite_version()").await)
        }
        Kind::Postgres => format!(
            "PostgreSQL {}, fsync={}, synchronous_commit={}",
            ask("SHOW server_version").await,
            ask("SHOW fsync").await,
            ask("SHOW synchronous_commit").await
        ),
        Kind::MySql => format!(
            "MariaDB {}, innodb_flush_log_at_trx_commit={}",
            ask("SELECT VERSION()").await,
            ask("SELECT CONCAT(@@innodb_flush_log_at_trx_commit)").await
        ),
    }
}
