//! When a worker's run ended last: a run that finds nothing due leaves no other trace. For metrics;
//! no rule reads it.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, on_pool};
use crate::clock;

impl Store {
    /// Notes that a run ended at `at`, by the database's time. An earlier end than the one noted
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_run(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let at = at.timestamp_millis();
        if self.move_last_run(at).await? || self.insert_last_run(at).await? {
            return Ok(());
        }
        // Another run made the row in between, and may have ended before this one.
        self.move_last_run(at).await.map(drop)
    }

    /// When a run ended last, by the database's time; `None` before the first one.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] where the user has no right to read it.
    pub async fn last_run(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = self.statement(READ);
        on_pool!(self, connection => {
            let millis: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&mut *connection).await?;
            Ok(millis.map(clock::from_millis))
        })
    }

    async fn move_last_run(&self, at: i64) -> Result<bool, StoreError> {
        let sql = self.statement(MOVE);
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(at).bind(at);
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })
    }

    async fn insert_last_run(&self, at: i64) -> Result<bool, StoreError> {
        let sql = self.statement(INSERT);
        on_pool!(self, connection => {
            match sqlx::query(sql).bind(at).execute(&mut *connection).await {
                Err(sqlx::Error::Database(refusal)) if refusal.is_unique_violation() => Ok(false),
                other => Ok(other.map(|_| true)?),
            }
        })
    }
}

const READ: &str = "SELECT ended_at FROM last_run WHERE id = 1";

const MOVE: &str = "UPDATE last_run SET ended_at = ? WHERE id = 1 AND ended_at < ?";

const INSERT: &str = "INSERT INTO last_run (id, ended_at) VALUES (1, ?)";
