//! A database that is cleaned, as against the store: connections, and statements with named tables in them.
//! Every answer is read as text, so that one piece of code serves three drivers.

mod clock;
mod connect;
mod mysql;
mod session;
mod shown;

use std::fmt;

use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr, SqlStr};
use tokenkeeper_shared::{database_url::DatabaseUrl, store::StoreError};

pub use self::{
    clock::{
        LEAST_OFFSET_ON_EARTH, MYSQL_OFFSET, POSTGRES_OFFSET_OF_DATABASE,
        POSTGRES_OFFSET_OF_SERVER, millis,
    },
    connect::Access,
    mysql::mysql_number,
    session::Session,
    shown::Named,
};
use super::{
    dialect::Dialect,
    sql::{Bind, Sql},
};

/// A database that is cleaned. Cheap to clone: clones share the connections.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    url: DatabaseUrl,
}

/// As the store's: one of three pools.
#[derive(Clone)]
enum Pools {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
    MySql(sqlx::MySqlPool),
}

/// A row, each cell as text.
pub type Texts = Vec<Option<String>>;

/// One body for each kind of pool.
macro_rules! on_pool {
    ($database:expr, $pool:ident => $body:expr) => {
        match &$database.pools {
            Pools::Sqlite($pool) => $body,
            Pools::Postgres($pool) => $body,
            Pools::MySql($pool) => $body,
        }
    };
}

/// A statement with its values, for whichever driver.
macro_rules! bound {
    ($sql:expr) => {{
        let mut query = sqlx::query(vouched($sql));
        for bind in $sql.binds() {
            query = match bind {
                Bind::Int(number) => query.bind(*number),
                Bind::Text(text) => query.bind(text.clone()),
            };
        }
        query
    }};
}
use bound;

impl Database {
    /// Prepares connections; the first statement makes them.
    ///
    /// # Errors
    /// [`StoreError`] when the address cannot be used, or a SQLite file is not there.
    pub fn open(url: DatabaseUrl, access: Access) -> Result<Self, StoreError> {
        let pools = connect::pools(&url, access)?;
        Ok(Self { pools, url })
    }

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.url.dialect().into()
    }

    /// The address, for messages.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The rows of a statement each of whose columns is a text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rows(&self, sql: &Sql) -> Result<Vec<Texts>, StoreError> {
        on_pool!(self, pool => {
            let rows = bound!(sql).fetch_all(pool).await?;
            let texts = rows.iter().map(|row| (0..row.len()).map(|at| row.try_get(at)).collect());
            Ok(texts.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// The one cell of the one row of a statement.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cell(&self, sql: &Sql) -> Result<Option<String>, StoreError> {
        let rows = self.rows(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// How the database would run a statement, in its own words.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain(&self, sql: &Sql) -> Result<Vec<String>, StoreError> {
        let explain = match self.dialect() {
            Dialect::Sqlite => "EXPLAIN QUERY PLAN ",
            Dialect::MySql => "EXPLAIN FORMAT=JSON ",
            _ => "EXPLAIN ",
        };
        let explained = sql.after(explain);
        on_pool!(self, pool => {
            let rows = bound!(&explained).fetch_all(pool).await?;
            // The last column has the words; the others are numbers.
            let words = rows.iter().map(|row| row.try_get(row.len().saturating_sub(1)));
            Ok(words.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// Has the server look at a statement without running it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prepare(&self, sql: &Sql) -> Result<(), StoreError> {
        on_pool!(self, pool => {
            pool.acquire().await?.prepare(vouched(sql)).await?;
            Ok(())
        })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        on_pool!(self, pool => pool.close().await);
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Database({})", self.url)
    }
}

/// The one place that vouches for SQL that is made at run time: [`Sql`] takes literals of this program and
/// parsed names alone.
fn vouched(sql: &Sql) -> SqlStr {
    AssertSqlSafe(sql.text().to_owned()).into_sql_str()
}
