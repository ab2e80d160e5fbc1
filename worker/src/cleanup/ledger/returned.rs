//! What the ledger is told when a run's rows are brought back.

use tokenkeeper_shared::store::StoreError;

use super::{RUNNING, sql};
use crate::cleanup::{database::Session, sql::Bind};

/// Notes that a run's rows come back. `false`: the run is not over.
///
/// # Errors
/// [`StoreError`].
pub async fn begin(session: &mut Session, run: &str) -> Result<bool, StoreError> {
    let mut sql = sql(session);
    sql.push("UPDATE tokenkeeper_cleanup_runs SET status = 'restoring'");
    sql.push(" WHERE run = ").bind(Bind::Text(run.to_owned()));
    sql.push(" AND status <> ").bind(Bind::Text(RUNNING.to_owned()));
    Ok(session.run(&sql).await? == 1)
}

/// Counts rows that came back, in the transaction that brings them.
///
/// # Errors
/// [`StoreError`].
pub async fn add(session: &mut Session, run: &str, rows: u64) -> Result<(), StoreError> {
    let mut sql = sql(session);
    sql.push("UPDATE tokenkeeper_cleanup_runs SET restored = restored + ");
    sql.bind(Bind::Int(i64::try_from(rows).unwrap_or(i64::MAX)));
    sql.push(" WHERE run = ").bind(Bind::Text(run.to_owned()));
    session.run(&sql).await.map(drop)
}

/// Notes that all that can come back is back; whether that is everything.
///
/// # Errors
/// [`StoreError`].
pub async fn finish(session: &mut Session, run: &str, is_all: bool) -> Result<(), StoreError> {
    let status = if is_all { "restored" } else { "restored_partly" };
    let mut sql = sql(session);
    sql.push("UPDATE tokenkeeper_cleanup_runs SET status = ").bind(Bind::Text(status.to_owned()));
    sql.push(" WHERE run = ").bind(Bind::Text(run.to_owned()));
    sql.push(" AND status = 'restoring'");
    session.run(&sql).await.map(drop)
}

/// Notes that the batches up to this one came from the run's file into the backup tables.
///
/// # Errors
/// [`StoreError`].
pub async fn loaded(session: &mut Session, run: &str, batch: u64) -> Result<(), StoreError> {
    let mut sql = sql(session);
    sql.push("UPDATE tokenkeeper_cleanup_runs SET loaded = ");
    sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
    sql.push(" WHERE run = ").bind(Bind::Text(run.to_owned()));
    session.run(&sql).await.map(drop)
}
