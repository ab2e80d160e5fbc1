//! What clean-ups of other databases have deleted, for metrics: a row for each policy. No rule reads it; the
//! runs themselves lie in the databases that they have cleaned.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Store, StoreError, on_pool};
use crate::clock;

/// A run of clean-up that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupEnd {
    /// The policy.
    pub policy: String,
    /// The run's id.
    pub run: String,
    /// `done`, `partly`, `failed`.
    pub status: String,
    /// Rows of the policy's targets that it deleted; children not counted.
    pub deleted: u64,
}

/// What the runs of a policy have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupTotal {
    /// The policy.
    pub policy: String,
    /// Rows deleted by all runs that were noted.
    pub deleted: u64,
    /// How the last one ended.
    pub last_status: String,
    /// When that was, by this database's time.
    pub last_ended_at: DateTime<Utc>,
}

impl Store {
    /// Adds a run to its policy's figures. The one that was noted last is not added twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_cleanup(&self, end: &CleanupEnd) -> Result<(), StoreError> {
        if self.add_cleanup(end).await? || self.insert_cleanup(end).await? {
            return Ok(());
        }
        // The row was made in between, or has this run already.
        self.add_cleanup(end).await.map(drop)
    }

    /// The figures of each policy, by name.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] where the user has no right to read them.
    pub async fn cleanup_totals(&self) -> Result<Vec<CleanupTotal>, StoreError> {
        let sql = self.statement(READ);
        on_pool!(self, connection => {
            sqlx::query(sql).fetch_all(&mut *connection).await?.iter().map(|row| {
                let (deleted, ended): (i64, i64) = (row.try_get("deleted")?, row.try_get("last_ended_at")?);
                Ok(CleanupTotal {
                    policy: row.try_get("policy")?,
                    deleted: deleted.unsigned_abs(),
                    last_status: row.try_get("last_status")?,
                    last_ended_at: clock::from_millis(ended),
                })
            }).collect()
        })
    }

    async fn add_cleanup(&self, end: &CleanupEnd) -> Result<bool, StoreError> {
        let sql = self.statement(ADD);
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(count(end.deleted)).bind(&end.run).bind(&end.status);
            let query = query.bind(&end.policy).bind(&end.run);
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })
    }

    async fn insert_cleanup(&self, end: &CleanupEnd) -> Result<bool, StoreError> {
        let sql = self.statement(INSERT);
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(&end.policy).bind(count(end.deleted));
            match query.bind(&end.run).bind(&end.status).execute(&mut *connection).await {
                Err(sqlx::Error::Database(refusal)) if refusal.is_unique_violation() => Ok(false),
                other => Ok(other.map(|_| true)?),
            }
        })
    }
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

const READ: &str =
    "SELECT policy, deleted, last_status, last_ended_at FROM cleanup_totals ORDER BY policy";

const ADD: &str = "UPDATE cleanup_totals SET deleted = deleted + ?, last_run = ?, last_status = ?, \
     last_ended_at = {now} WHERE policy = ? AND last_run <> ?";

const INSERT: &str = "INSERT INTO cleanup_totals (policy, deleted, last_run, last_status, last_ended_at) \
     VALUES (?, ?, ?, ?, {now})";
