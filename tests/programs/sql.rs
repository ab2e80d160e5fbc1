//! A way around the programs, by plain SQL on each database. What the statements mean lies with
//! the tests.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::{thread::sleep, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, SqliteConnection,
    raw_sql,
};

use super::host::runtime;
use crate::harness::{
    databases::{Database, Kind},
    wait,
};

/// Runs one body on a new connection of the database's kind.
macro_rules! on_connection {
    ($database:expr, $connection:ident => $body:expr) => {
        runtime().block_on(async {
            match $database.kind {
                Kind::Sqlite => {
                    let mut $connection =
                        SqliteConnection::connect(&$database.url).await.expect("the file opens");
                    $body
                }
                Kind::Postgres => {
                    let mut $connection =
                        PgConnection::connect(&$database.url).await.expect("the server answers");
                    $body
                }
                Kind::MySql => {
                    let mut $connection =
                        MySqlConnection::connect(&$database.url).await.expect("the server answers");
                    $body
                }
            }
        })
    };
}

/// Runs a statement.
pub fn run(database: &Database, sql: &str) {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    on_connection!(database, connection => {
        connection.execute(sql).await.expect("the database takes it");
        connection.close().await.expect("the connection closes");
    });
}

/// The one value that a query finds, as text.
pub fn cell(database: &Database, sql: &str) -> Option<String> {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    on_connection!(database, connection => {
        let row = connection.fetch_one(sql).await.expect("there is a row");
        connection.close().await.expect("the connection closes");
        row.try_get_unchecked(0).expect("a text")
    })
}

/// Makes every row due, as time does.
pub fn make_due(database: &Database) {
    run(database, "UPDATE tokens SET refresh_at = 1");
}

/// Lets every lease lapse, as time does.
pub fn lapse_leases(database: &Database) {
    run(database, "UPDATE tokens SET lease_until = 1");
}

/// The gap between two logins has passed.
pub fn forget_logins(database: &Database) {
    run(
        database,
        "UPDATE tokens SET last_login_at = 1, refresh_at = 1 WHERE state <> 'needs_login'",
    );
}

async fn hold(url: &str) -> SqliteConnection {
    let mut held = SqliteConnection::connect(url).await.expect("the file opens");
    held.execute("BEGIN IMMEDIATE").await.expect("nobody else writes");
    held
}

/// What keeps everybody else from changing a row, on SQLite from writing at all, until it goes.
pub enum Held {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Held {
    pub fn row(database: &Database) -> Self {
        Self::by(database, LOCK_ROWS, LOCK_ROWS)
    }

    pub fn table(database: &Database) -> Self {
        Self::by(database, "BEGIN; LOCK TABLE tokens", "LOCK TABLES tokens WRITE")
    }

    fn by(database: &Database, postgres: &'static str, mariadb: &'static str) -> Self {
        let url = &database.url;
        runtime().block_on(async {
            match database.kind {
                Kind::Sqlite => Self::Sqlite(hold(url).await),
                Kind::Postgres => {
                    let mut held = PgConnection::connect(url).await.expect("the server answers");
                    held.execute(postgres).await.expect("nobody else holds it");
                    Self::Postgres(held)
                }
                Kind::MySql => {
                    let mut held = MySqlConnection::connect(url).await.expect("the server answers");
                    held.execute(mariadb).await.expect("nobody else holds it");
                    Self::MariaDb(held)
                }
            }
        })
    }
}

/// Waits until a condition on the table `tokens` holds for some row.
#[track_caller]
pub fn wait_for(database: &Database, condition: &str) {
    let sql = format!("SELECT CAST(COUNT(*) AS CHAR(9)) FROM tokens WHERE {condition}");
    let holds = || (cell(database, &sql).expect("a count").trim() != "0").then_some(());
    let came = wait::until(LIMIT, holds);
    assert!(came.is_some(), "{} never came to {condition}", database.kind);
}

/// Waits until the first row is due by itself.
#[track_caller]
pub fn wait_until_due(database: &Database) {
    wait_until_past(database, "refresh_at");
}

/// Waits until the first token has expired.
#[track_caller]
pub fn wait_until_expired(database: &Database) {
    wait_until_past(database, "access_token_expires");
}

/// Sleeps for as long as the database says that an instant lies ahead.
#[track_caller]
fn wait_until_past(database: &Database, instant: &str) {
    let now = match database.kind {
        Kind::Sqlite => "unixepoch('subsec') * 1000",
        Kind::Postgres => "extract(epoch FROM clock_timestamp()) * 1000",
        Kind::MySql => "UNIX_TIMESTAMP(NOW(3)) * 1000",
    };
    let left = format!("SELECT CAST(MIN({instant}) - {now} AS CHAR(20)) FROM tokens");
    loop {
        let left = cell(database, &left).expect("there is a row");
        let left: f64 = left.trim().parse().expect("milliseconds");
        if left <= 0.0 {
            return;
        }
        // A millisecond more for what was rounded on the way.
        let left = Duration::from_secs_f64((left + 1.0) / 1000.0);
        assert!(left < LIMIT, "{}: {left:?} to {instant}", database.kind);
        sleep(left);
    }
}

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(40);

const LOCK_ROWS: &str = "BEGIN; SELECT id FROM tokens FOR UPDATE";
