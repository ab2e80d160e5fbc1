//! Rows whose login was refused: nobody tries again until the credentials are others, so that no
//! account is locked out. Which credentials they were is told by a keyed digest.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{Store, StoreError, on_pool};
use crate::{clock, lifecycle, name::TokenName, secret::Secret, token::State};

/// A row that waits because its login was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The row's key.
    pub id: Uuid,
    /// The token's name.
    pub name: TokenName,
    /// The digest of the login that was refused.
    pub login: String,
    /// Before this no other login is tried either: hosts with different wrong credentials would
    /// otherwise take turns for ever.
    pub opens_at: DateTime<Utc>,
}

impl Store {
    /// The digest of a login request, by which another one is told from it: keyed by the sealing
    /// key, so that nobody can try passwords against it. Without a key it is cut to 16 bits, which
    /// says too little to confirm a guess and misses one change in 65,536.
    #[must_use]
    pub fn login_digest(&self, request: &Secret) -> String {
        self.seal.digest("refused login", request)
    }

    /// The next rows after `after` whose login was refused, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refused(&self, after: Uuid, limit: u16) -> Result<Vec<Refused>, StoreError> {
        let sql = self.statement(REFUSED);
        let never = clock::latest().timestamp_millis();
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(never).bind(after).bind(State::NeedsLogin.as_str());
            let rows = query.bind(i64::from(limit)).fetch_all(&mut *connection).await?;
            rows.iter().map(|row| {
                let name: String = row.try_get("name")?;
                Ok(Refused {
                    id: row.try_get("id")?,
                    name: name.parse().map_err(|e| StoreError::Row(format!("{e}")))?,
                    login: row.try_get("refused_login")?,
                    opens_at: opens_at(row.try_get("last_login_at")?, row.try_get("failures")?),
                })
            }).collect()
        })
    }

    /// Makes a refused row due again. `false` when it is no longer the same refusal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn readmit(&self, refused: &Refused, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let (sql, now) = (self.statement(READMIT), now.timestamp_millis());
        let changed = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(now).bind(now).bind(refused.id);
            let query = query.bind(State::NeedsLogin.as_str()).bind(&refused.login);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        Ok(changed == 1)
    }
}

/// As long after the last login as after so many failures of any kind.
fn opens_at(last_login_at: Option<i64>, failures: i64) -> DateTime<Utc> {
    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
    let last = clock::from_millis(last_login_at.unwrap_or_default());
    clock::after(last, lifecycle::retry_delay(failures, Duration::ZERO))
}

/// A row that waits for a human is due never, so that the index on `refresh_at` finds it.
const REFUSED: &str = "SELECT id, name, refused_login, last_login_at, failures FROM tokens WHERE refresh_at = ? AND id > ? \
     AND state = ? AND refused_login IS NOT NULL ORDER BY id LIMIT ?";

const READMIT: &str = "UPDATE tokens SET state = CASE WHEN generation = 0 THEN 'new' ELSE 'ok' END, \
     refused_login = NULL, refresh_at = ?, next_attempt_at = NULL, updated_at = ? \
     WHERE id = ? AND state = ? AND refused_login = ?";
