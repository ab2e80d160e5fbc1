//! How fast runs were, for those who want to know what the next one takes.

use tokenkeeper_shared::store::StoreError;

use super::{sql, table};
use crate::cleanup::{database::Session, progress::Progress, sql::Bind};

/// How fast a run was, with all that it did besides deleting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its id.
    pub run: String,
    /// Rows of its targets that it deleted.
    pub rows: u64,
    /// In how many batches.
    pub batches: u64,
    /// In how many milliseconds, waiting for replicas not counted.
    pub millis: u64,
}

/// The rate of the newest of a policy's last runs that deleted at least so many rows. One that was cut off
/// and taken up later tells nothing: it lay about meanwhile. None, too, where this user may not read the runs.
///
/// # Errors
/// [`StoreError`].
pub async fn rate(
    session: &mut Session,
    policy: &str,
    rows: u64,
) -> Result<Option<Rate>, StoreError> {
    if !table::is_there(session).await? {
        return Ok(None);
    }
    let mut sql = sql(session);
    sql.push("SELECT run, ").text_of("ended_at - started_at");
    sql.push(", progress FROM tokenkeeper_cleanup_runs WHERE ended_at IS NOT NULL AND fence = 1 AND policy = ");
    sql.bind(Bind::Text(policy.to_owned())).push(" ORDER BY started_at DESC, run DESC LIMIT 50");
    let runs = match session.rows(&sql).await {
        Err(StoreError::Refused(_)) => return Ok(None),
        other => other?,
    };
    Ok(runs.into_iter().filter_map(read).find(|rate| rate.rows >= rows))
}

fn read(row: Vec<Option<String>>) -> Option<Rate> {
    let [run, millis, progress] = <[_; 3]>::try_from(row).ok()?;
    let progress: Progress = serde_json::from_str(&progress?).ok()?;
    let waited: u64 = progress.waited_ms.values().sum();
    let millis = millis?.parse::<u64>().ok()?.checked_sub(waited).filter(|millis| *millis > 0)?;
    Some(Rate { run: run?, rows: progress.deleted(), batches: progress.batch, millis })
}
