//! The question without the library.

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};

use super::{one_token::NAME, suites::harness::databases::Kind};

/// One connection, and the least that answers the question.
pub enum Bare {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Bare {
    pub async fn connect(kind: Kind, url: &str) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            Kind::Postgres => Self::Postgres(PgConnection::connect(url).await.unwrap()),
            Kind::MySql => Self::MySql(MySqlConnection::connect(url).await.unwrap()),
        }
    }

    pub async fn query(&mut self, sql: &str) -> String {
        macro_rules! ask {
            ($connection:expr) => {{
                let query = sqlx::query(AssertSqlSafe(sql)).bind(NAME);
                query.fetch_one($connection).await.unwrap().get("access_token")
            }};
        }
        match self {
            Self::Sqlite(connection) => ask!(connection),
            Self::Postgres(connection) => ask!(connection),
            Self::MySql(connection) => ask!(connection),
        }
    }
}
