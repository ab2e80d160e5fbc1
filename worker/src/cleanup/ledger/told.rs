//! Runs as the table has them, for those who look and for those who claim.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokenkeeper_shared::store::StoreError;

use super::{RUNNING, sql, table};
use crate::cleanup::{
    cutoff::DatabaseClock,
    database::{Session, Texts, millis},
    progress::Progress,
    sql::{Bind, Sql},
};

/// A run as others see it. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its id.
    pub run: String,
    /// The policy.
    pub policy: String,
    /// Its slot.
    pub slot: String,
    /// `running`, `done`, `partly`, `failed`; `restoring`, `restored`, `restored_partly`.
    pub status: String,
    /// Rows that were brought back, children included.
    pub restored: u64,
    /// Who is at it, or was last.
    pub runner: String,
    /// The last batch whose rows came from the run's file into the backup tables, to be restored.
    pub loaded: u64,
    /// When it began, UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The cut-off before any grace.
    pub cut_off: String,
    /// What was done.
    pub progress: Progress,
    /// Whether its runner has not been heard of for longer than a lease.
    pub is_lapsed: bool,
}

impl Told {
    /// Whether somebody is at it, or was until it was cut off.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status == RUNNING
    }
}

/// The newest runs first, of a policy or of all; none where the table is missing.
///
/// # Errors
/// [`StoreError`].
pub async fn history(
    session: &mut Session,
    policy: Option<&str>,
    limit: u16,
) -> Result<Vec<Told>, StoreError> {
    if !table::is_there(session).await? {
        return Ok(Vec::new());
    }
    Ok(told(session, policy, limit).await?.into_iter().map(|(told, _)| told).collect())
}

/// The run of that id.
///
/// # Errors
/// [`StoreError`].
pub async fn find(session: &mut Session, run: &str) -> Result<Option<Told>, StoreError> {
    if !table::is_there(session).await? {
        return Ok(None);
    }
    let mut sql = selected(session);
    sql.push(" WHERE run = ").bind(Bind::Text(run.to_owned()));
    Ok(session.rows(&sql).await?.first().map(|row| read(row).0))
}

/// The fence, the policy's digest and the run's clock.
pub(super) type Details = (i64, String, DatabaseClock);

pub(super) async fn told(
    session: &mut Session,
    policy: Option<&str>,
    limit: u16,
) -> Result<Vec<(Told, Details)>, StoreError> {
    let mut sql = selected(session);
    if let Some(policy) = policy {
        sql.push(" WHERE policy = ").bind(Bind::Text(policy.to_owned()));
    }
    sql.push(" ORDER BY started_at DESC, run DESC LIMIT ").number(limit.into());
    Ok(session.rows(&sql).await?.iter().map(read).collect())
}

pub(super) fn selected(session: &Session) -> Sql {
    let mut sql = sql(session);
    sql.push("SELECT run, policy, slot, status, runner, ").text_of("started_at").push(", ");
    sql.text_of("ended_at").push(", ").text_of("cut_off").push(", ");
    sql.text_of("server_offset").push(", progress, ").text_of("fence").push(", digest, ");
    sql.text_of("lease_until").push(", ").text_of(millis(session.dialect())).push(", ");
    sql.text_of("restored").push(", ").text_of("loaded").push(" FROM tokenkeeper_cleanup_runs");
    sql
}

pub(super) fn read(row: &Texts) -> (Told, Details) {
    let cell = |at: usize| row.get(at).cloned().flatten();
    let text = |at: usize| cell(at).unwrap_or_default();
    let number = |at: usize| cell(at).and_then(|text| text.parse::<i64>().ok());
    let instant = |at: usize| number(at).and_then(DateTime::from_timestamp_millis);
    let shown = |at: usize| instant(at).map(crate::report::text);
    let offset = number(8).and_then(|seconds| i32::try_from(seconds).ok()).unwrap_or_default();
    let clock = DatabaseClock::new(instant(7).unwrap_or(DateTime::<Utc>::MIN_UTC), offset);
    let told = Told {
        run: text(0),
        policy: text(1),
        slot: text(2),
        status: text(3),
        runner: text(4),
        restored: number(14).and_then(|rows| rows.try_into().ok()).unwrap_or_default(),
        loaded: number(15).and_then(|batch| batch.try_into().ok()).unwrap_or_default(),
        started_at: shown(5).unwrap_or_default(),
        ended_at: shown(6),
        cut_off: shown(7).unwrap_or_default(),
        progress: serde_json::from_str(&text(9)).unwrap_or_default(),
        is_lapsed: number(12) < number(13),
    };
    (told, (number(10).unwrap_or_default(), text(11), clock))
}
