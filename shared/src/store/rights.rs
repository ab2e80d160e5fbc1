//! Whether this user may do what a worker does: each right is tried on no row at all.

use super::{Store, StoreError, on_pool};

impl Store {
    /// What of a worker's needs the database refuses: the need, and its refusal.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn missing_rights(&self) -> Result<Vec<(&'static str, StoreError)>, StoreError> {
        let mut missing = Vec::new();
        for (need, trial) in NEEDS {
            let sql = self.statement(trial);
            let tried: Result<(), StoreError> = async {
                on_pool!(self, connection => {
                    Ok(sqlx::query(sql).execute(&mut *connection).await.map(drop)?)
                })
            }
            .await;
            match tried {
                Ok(()) => {}
                Err(error @ StoreError::Refused(_)) => missing.push((need, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }
}

/// The database judges the right before it looks for rows, and there are none.
const NEEDS: [(&str, &str); 8] = [
    ("SELECT on tokens", "SELECT id FROM tokens WHERE 1 = 0"),
    ("UPDATE on tokens", "UPDATE tokens SET updated_at = 0 WHERE 1 = 0"),
    (
        "INSERT on tokens",
        "INSERT INTO tokens (id, name, provider, state, generation, token_type, refresh_at, \
         updating, uncertain_tries, failures, created_at, updated_at) \
         SELECT id, name, provider, state, generation, token_type, refresh_at, updating, \
         uncertain_tries, failures, created_at, updated_at FROM tokens WHERE 1 = 0",
    ),
    (
        "INSERT on token_events",
        "INSERT INTO token_events (id, name, at, worker, attempt_id, action, outcome, generation, \
         duration, message) SELECT id, name, at, worker, attempt_id, action, outcome, generation, \
         duration, message FROM token_events WHERE 1 = 0",
    ),
    ("DELETE on token_events", "DELETE FROM token_events WHERE 1 = 0"),
    ("SELECT on last_run", "SELECT id FROM last_run WHERE 1 = 0"),
    ("UPDATE on last_run", "UPDATE last_run SET ended_at = 0 WHERE 1 = 0"),
    (
        "INSERT on last_run",
        "INSERT INTO last_run (id, ended_at) SELECT id, ended_at FROM last_run WHERE 1 = 0",
    ),
];
