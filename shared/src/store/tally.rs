//! Attempts counted by name and outcome, for metrics.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Store, StoreError, on_pool};
use crate::name::TokenName;

/// How many attempts of one token ended in one way, and how long they took together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Which token.
    pub name: TokenName,
    /// As in an event.
    pub outcome: String,
    /// How many.
    pub attempts: u64,
    /// From claim to end, of all of them.
    pub duration: Duration,
}

impl Store {
    /// Counts the attempts that began at `from` or later and before `until`, by the database's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tally(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Tally>, StoreError> {
        let sql = self.statement(TALLY);
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(from.timestamp_millis()).bind(until.timestamp_millis());
            query.fetch_all(&mut *connection).await?.iter().map(|row| {
                let name: String = row.try_get("name")?;
                let (attempts, millis): (i64, i64) = (row.try_get("attempts")?, row.try_get("millis")?);
                Ok(Tally {
                    name: name.parse().map_err(|error| StoreError::Row(format!("{error}")))?,
                    outcome: row.try_get("outcome")?,
                    attempts: attempts.unsigned_abs(),
                    duration: Duration::from_millis(millis.unsigned_abs()),
                })
            }).collect()
        })
    }
}

const TALLY: &str = "SELECT name, outcome, COUNT(*) AS attempts, \
     CAST(SUM(duration) AS {integer}) AS millis FROM token_events WHERE at >= ? AND at < ? \
     GROUP BY name, outcome ORDER BY name, outcome";
