//! Runs whose backups have grown old, and what the ledger is told when these are given up.

use chrono::{DateTime, Utc};
use tokenkeeper_shared::store::StoreError;

use super::{
    sql, table, text,
    told::{Told, read, selected},
};
use crate::cleanup::{database::Session, sql::Bind};

/// The next runs behind that id which ended before an instant and kept rows, by id; the last id that was
/// looked at, or none at the end.
///
/// # Errors
/// [`StoreError`].
pub async fn ended_before(
    session: &mut Session,
    before: DateTime<Utc>,
    policy: Option<&str>,
    after: &str,
) -> Result<(Vec<Told>, Option<String>), StoreError> {
    if !table::is_there(session).await? {
        return Ok((Vec::new(), None));
    }
    let mut sql = selected(session);
    sql.push(" WHERE run > ").bind(Bind::Text(after.to_owned()));
    sql.push(" AND ended_at < ").bind(Bind::Int(before.timestamp_millis()));
    if let Some(policy) = policy {
        sql.push(" AND policy = ").bind(Bind::Text(policy.to_owned()));
    }
    sql.push(" ORDER BY run LIMIT ").number(PAGE);
    let mut runs: Vec<_> = session.rows(&sql).await?.iter().map(|row| read(row).0).collect();
    let last = runs.last().map(|told| told.run.clone());
    runs.retain(|told| told.progress.targets.iter().any(|tally| !tally.backups.is_empty()));
    Ok((runs, last))
}

/// Notes that a run's backup is given up. `false`: the run is in another state by now, such as being restored.
///
/// # Errors
/// [`StoreError`].
pub async fn give_up(session: &mut Session, told: &Told, at: &str) -> Result<bool, StoreError> {
    let mut progress = told.progress.clone();
    progress.given_up_at.get_or_insert_with(|| at.to_owned());
    let mut sql = sql(session);
    sql.push("UPDATE tokenkeeper_cleanup_runs SET progress = ");
    sql.bind(Bind::Text(text(&progress)?)).push(" WHERE run = ").bind(Bind::Text(told.run.clone()));
    sql.push(" AND status = ").bind(Bind::Text(told.status.clone()));
    Ok(session.run(&sql).await? == 1)
}

/// Rows read at once.
const PAGE: i64 = 1_000;
