//! What was tried for each token: written in batches, read newest first, trimmed by age.
//! Events are for people and plots; no rule reads them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{Store, StoreError, commit::storable, on_pool};
use crate::{clock, name::TokenName};

/// One attempt and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which token.
    pub name: TokenName,
    /// When the attempt, or the replay, began, by the database's time.
    pub at: DateTime<Utc>,
    /// Which worker made it.
    pub worker: String,
    /// The claim's mark.
    pub attempt: Uuid,
    /// What was asked for: `refresh`, `login`, or `none` when nothing was sent; `replay` for an answer
    /// that a dead worker had left in its journal.
    pub action: String,
    /// `ok`, `partial`, `fenced`, `unused`, `not_stored`, or the class of the failure.
    pub outcome: String,
    /// The generation that the attempt left in the row.
    pub generation: i64,
    /// From the claim to the end; of a replay, what the database took.
    pub duration: Duration,
    /// What went wrong, without secrets.
    pub message: Option<String>,
}

impl Store {
    /// Writes events, all of them or none. At most [`EVENTS_AT_ONCE`] a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let sql = self.dialect().statement(RECORD, events.len());
        on_pool!(self, connection => {
            // Not kept prepared: each number of events makes another statement.
            let mut query = sqlx::query(sql).persistent(false);
            for event in events {
                let duration = i64::try_from(event.duration.as_millis()).unwrap_or(i64::MAX);
                let message = event.message.as_deref().map(|message| storable(message).into_owned());
                query = query.bind(Uuid::now_v7()).bind(event.name.as_str());
                query = query.bind(event.at.timestamp_millis()).bind(event.worker.as_str());
                query = query.bind(event.attempt).bind(event.action.as_str());
                query = query.bind(event.outcome.as_str()).bind(event.generation).bind(duration);
                query = query.bind(message);
            }
            Ok(query.execute(&mut *connection).await.map(drop)?)
        })
    }

    /// A token's last events, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self, name: &TokenName, limit: u16) -> Result<Vec<Event>, StoreError> {
        let sql = self.statement(HISTORY);
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(name.as_str()).bind(i64::from(limit));
            query.fetch_all(&mut *connection).await?.iter().map(|row| {
                let millis: i64 = row.try_get("duration")?;
                Ok(Event {
                    name: name.clone(),
                    at: clock::from_millis(row.try_get("at")?),
                    worker: row.try_get("worker")?,
                    attempt: row.try_get("attempt_id")?,
                    action: row.try_get("action")?,
                    outcome: row.try_get("outcome")?,
                    generation: row.try_get("generation")?,
                    duration: Duration::from_millis(millis.unsigned_abs()),
                    message: row.try_get("message")?,
                })
            }).collect()
        })
    }

    /// Forgets events that are older than [`HISTORY_KEPT`], some thousand a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trim_history(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let sql = self.statement(TRIM);
        let oldest = clock::before(now, HISTORY_KEPT).timestamp_millis();
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(oldest).bind(TRIMMED_AT_ONCE);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })
    }
}

/// A month of attempts: long enough to look back from a monthly report.
pub const HISTORY_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many events [`Store::record`] takes: ten parameters each, well under every database's bound.
pub const EVENTS_AT_ONCE: usize = 64;

/// A pass that trims must stay a short one; the next goes on.
const TRIMMED_AT_ONCE: i64 = 5000;

const RECORD: &str = "INSERT INTO token_events (id, name, at, worker, attempt_id, action, outcome, \
     generation, duration, message) VALUES {rows(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}";

/// The key sorts by time within one millisecond.
const HISTORY: &str = "SELECT at, worker, attempt_id, action, outcome, generation, duration, message \
     FROM token_events WHERE name = ? ORDER BY at DESC, id DESC LIMIT ?";

/// MariaDB takes LIMIT within IN in a derived table only.
const TRIM: &str = "DELETE FROM token_events WHERE id IN \
     (SELECT id FROM (SELECT id FROM token_events WHERE at < ? ORDER BY at LIMIT ?) AS oldest)";
