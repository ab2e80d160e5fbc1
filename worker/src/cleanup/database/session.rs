//! One connection that is kept for a run: transactions, and the rows that a statement changed. It belongs
//! to no pool, so that a transaction left open ends with it.

use sqlx::{
    AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, SqlSafeStr, SqlStr,
    SqliteConnection, raw_sql,
};
use tokenkeeper_shared::store::StoreError;

use super::{Database, Pools, Texts, bound, vouched};
use crate::cleanup::{
    dialect::Dialect,
    sql::{Bind, Sql},
};

/// A connection of its own.
#[derive(Debug)]
pub struct Session {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

/// One body for each kind of connection.
macro_rules! on_connection {
    ($session:expr, $connection:ident => $body:expr) => {
        match &mut $session.kind {
            Kind::Sqlite($connection) => $body,
            Kind::Postgres($connection) => $body,
            Kind::MySql($connection) => $body,
        }
    };
}

impl Database {
    /// A connection apart from the others.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self) -> Result<Session, StoreError> {
        let kind = match &self.pools {
            Pools::Sqlite(pool) => Kind::Sqlite(pool.acquire().await?.detach()),
            Pools::Postgres(pool) => Kind::Postgres(pool.acquire().await?.detach()),
            Pools::MySql(pool) => Kind::MySql(pool.acquire().await?.detach()),
        };
        Ok(Session { kind })
    }
}

impl Session {
    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
            Kind::MySql(_) => Dialect::MySql,
        }
    }

    /// Begins a transaction; on SQLite one that holds the write lock.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        let begin = if self.dialect() == Dialect::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.plain(begin).await
    }

    /// Begins the transaction of a batch. On PostgreSQL its commit does not wait until the log is on the disk: a
    /// server that dies takes the last batches back, each with its backup and its place in the run's row. Whatever
    /// else a run commits waits, and so for the batches before it. Where a synchronous standby is named, batches wait
    /// as all commits do: it is to keep up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_batch(&mut self) -> Result<(), StoreError> {
        match self.dialect() {
            Dialect::Postgres => self.plain(POSTGRES_BATCH).await,
            _ => self.begin().await,
        }
    }

    /// Makes the transaction's changes last.
    ///
    /// # Errors
    /// [`StoreError`]: they may last or not.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.plain("COMMIT").await
    }

    /// Undoes the transaction.
    ///
    /// # Errors
    /// [`StoreError`]: the connection is of no use any more.
    pub async fn roll_back(&mut self) -> Result<(), StoreError> {
        match self.plain("ROLLBACK").await {
            // A deadlock has ended it already.
            Err(_) if self.dialect() == Dialect::Sqlite => Ok(()),
            other => other,
        }
    }

    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run(&mut self, sql: &Sql) -> Result<u64, StoreError> {
        on_connection!(self, connection => {
            Ok(bound!(sql).execute(connection).await?.rows_affected())
        })
    }

    /// Has MySQL read and write `TIMESTAMP` in UTC on this connection, where no hour comes twice. Never
    /// where rows are judged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn in_utc(&mut self) -> Result<(), StoreError> {
        match self.dialect() {
            Dialect::MySql => self.plain("SET time_zone = '+00:00'").await,
            _ => Ok(()),
        }
    }

    /// Runs a `COPY … FROM STDIN` of PostgreSQL with what it is to read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn copy(&mut self, sql: &Sql, text: &str) -> Result<(), StoreError> {
        let Kind::Postgres(connection) = &mut self.kind else {
            return Err(StoreError::Row("only PostgreSQL copies".to_owned()));
        };
        let mut copy = connection.copy_in_raw(sql.text()).await?;
        copy.send(text.as_bytes()).await?;
        copy.finish().await?;
        Ok(())
    }

    /// The rows of a statement each of whose columns is a text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rows(&mut self, sql: &Sql) -> Result<Vec<Texts>, StoreError> {
        on_connection!(self, connection => {
            let rows = bound!(sql).fetch_all(connection).await?;
            let texts = rows.iter().map(|row| (0..row.len()).map(|at| row.try_get(at)).collect());
            Ok(texts.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// The one cell of the one row of a statement.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cell(&mut self, sql: &Sql) -> Result<Option<String>, StoreError> {
        let rows = self.rows(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Runs statements that this program has made, one after the other.
    ///
    /// # Errors
    /// [`StoreError`]: of the first that fails.
    pub async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        let statements = AssertSqlSafe(text.to_owned()).into_sql_str();
        on_connection!(self, connection => {
            connection.execute(raw_sql(statements)).await?;
        });
        Ok(())
    }

    /// Ends the connection.
    pub async fn close(self) {
        let closed = match self.kind {
            Kind::Sqlite(connection) => connection.close().await,
            Kind::Postgres(connection) => connection.close().await,
            Kind::MySql(connection) => connection.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!("the connection did not end in order: {error}");
        }
    }

    /// What MySQL takes in no prepared statement.
    async fn plain(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let statement = SqlStr::from_static(statement);
        on_connection!(self, connection => {
            connection.execute(raw_sql(statement)).await?;
        });
        Ok(())
    }
}

const POSTGRES_BATCH: &str = "BEGIN; SELECT set_config('synchronous_commit', 'off', true) \
     WHERE current_setting('synchronous_standby_names') = ''";
