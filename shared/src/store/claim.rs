//! Claiming rows: one conditional write that marks them with an attempt. It is also the probe that
//! the database accepts writes, made before any provider rotates anything.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{
    Store, StoreError, on_pool,
    read::place,
    row::{self, token_columns},
};
use crate::{
    clock, lifecycle,
    name::TokenName,
    seal::{Column, SealError},
    token::{Claimed, Stored, Token},
};

/// A row that is due and free, before anybody has claimed it.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row's key.
    pub id: Uuid,
    /// The token's name.
    pub name: TokenName,
    /// Since when it has been due.
    pub refresh_at: DateTime<Utc>,
}

/// Where a walk over due rows stands.
#[derive(Debug, Clone, Copy)]
pub struct DueCursor {
    refresh_at: i64,
    id: Uuid,
}

impl From<&Due> for DueCursor {
    fn from(due: &Due) -> Self {
        Self { refresh_at: due.refresh_at.timestamp_millis(), id: due.id }
    }
}

impl Default for DueCursor {
    /// Before the first row.
    fn default() -> Self {
        Self { refresh_at: -1, id: Uuid::nil() }
    }
}

impl Store {
    /// The next due and free rows after `cursor`, longest due first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(
        &self,
        now: DateTime<Utc>,
        cursor: DueCursor,
        limit: u16,
    ) -> Result<Vec<Due>, StoreError> {
        let (sql, now) = (self.statement(DUE), now.timestamp_millis());
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(now).bind(cursor.refresh_at).bind(cursor.refresh_at);
            let query = query.bind(cursor.id).bind(now).bind(i64::from(limit));
            query.fetch_all(&mut *connection).await?.iter().map(|row| {
                let name: String = row.try_get("name")?;
                Ok(Due {
                    id: row.try_get("id")?,
                    name: name.parse().map_err(|e| StoreError::Row(format!("{e}")))?,
                    refresh_at: clock::from_millis(row.try_get("refresh_at")?),
                })
            }).collect()
        })
    }

    /// Claims those of `ids` that are still due and free, and returns them, soonest expiry first.
    /// The others were taken by somebody else; that is no error.
    ///
    /// # Errors
    /// [`StoreError`], also when the database does not accept writes.
    pub async fn claim(
        &self,
        ids: &[Uuid],
        worker: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Claimed, Unopened>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (attempt, ids) = (Uuid::new_v4(), &padded(ids)[..]);
        let sql = self.dialect().statement(CLAIM, ids.len());
        let (now, lease) = (now.timestamp_millis(), clock::after(now, LEASE).timestamp_millis());
        let marked = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(true).bind(attempt).bind(worker);
            let mut query = query.bind(lease).bind(now).bind(now).bind(now);
            for id in ids {
                query = query.bind(*id);
            }
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        if marked == 0 { Ok(Vec::new()) } else { self.claimed(ids, attempt, false).await }
    }

    /// Claims one row by its name, due or not. `force` also claims a row that waits for a human,
    /// and one that was renewed less than [`lifecycle::minimum_gap`] ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_named(
        &self,
        token: &Token,
        force: bool,
        worker: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Result<Claimed, Unopened>>, StoreError> {
        let attempt = Uuid::new_v4();
        let sql = self.statement(if force { CLAIM_FORCED } else { CLAIM_NAMED });
        let gap = lifecycle::minimum_gap(token.lifetime().unwrap_or_default());
        let renewed_before = clock::before(now, gap).timestamp_millis();
        let (now, lease) = (now.timestamp_millis(), clock::after(now, LEASE).timestamp_millis());
        let marked = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(true).bind(attempt).bind(worker);
            let query = query.bind(lease).bind(now).bind(now).bind(token.id);
            let query = if force { query } else { query.bind(renewed_before) };
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        if marked == 0 {
            return Ok(None);
        }
        Ok(self.claimed(&[token.id], attempt, force).await?.pop())
    }

    /// Reads back what an attempt has marked: only these refresh tokens are ever spent.
    async fn claimed(
        &self,
        ids: &[Uuid],
        attempt: Uuid,
        forced: bool,
    ) -> Result<Vec<Result<Claimed, Unopened>>, StoreError> {
        let sql = self.dialect().statement(CLAIMED, ids.len());
        let rows: Vec<(Token, Option<Stored>)> = on_pool!(self, connection => {
            let mut query = sqlx::query(sql).bind(attempt);
            for id in ids {
                query = query.bind(*id);
            }
            let rows = query.fetch_all(&mut *connection).await?;
            let read = |row| Ok::<_, StoreError>((row::token(row)?, row::stored(row, "refresh_token")?));
            rows.iter().map(read).collect()
        })?;
        Ok(rows
            .into_iter()
            .map(|(token, stored)| self.opened((token, attempt, forced), stored.as_ref()))
            .collect())
    }

    fn opened(
        &self,
        (token, attempt, forced): (Token, Uuid, bool),
        stored: Option<&Stored>,
    ) -> Result<Claimed, Unopened> {
        let open =
            |stored: &Stored| self.seal.open(place(&token.name, Column::RefreshToken), stored);
        match stored.map(open).transpose() {
            Ok(refresh_token) => Ok(Claimed { token, attempt, refresh_token, forced }),
            Err(source) => {
                let claimed = Claimed { token, attempt, refresh_token: None, forced };
                Err(Unopened { claimed: Box::new(claimed), source })
            }
        }
    }
}

/// A list as long as a power of two, its last member repeated: few lengths make few statements, which
/// stay prepared.
fn padded(ids: &[Uuid]) -> Vec<Uuid> {
    let mut list = ids.to_vec();
    list.resize(ids.len().next_power_of_two(), ids.last().copied().unwrap_or_default());
    list
}

/// A row that was claimed and whose refresh token does not open. The claim is to be given back.
#[derive(Debug, thiserror::Error)]
#[error("its refresh token cannot be opened: {source}")]
pub struct Unopened {
    /// The claim, without the refresh token.
    pub claimed: Box<Claimed>,
    /// Why.
    pub source: SealError,
}

/// How long a claim holds: the exchange's 30 s, a commit behind it, and as much again for a slow
/// database.
pub const LEASE: Duration = Duration::from_secs(60);

/// The rows that are due and free. `updating` alone would hide the rows of a worker that died.
macro_rules! free {
    () => {
        "(updating = FALSE OR lease_until IS NULL OR lease_until <= ?)"
    };
}
pub(super) use free;

/// A claim's marks. A row that is still `updating` was left by a worker that died between claim
/// and commit: its refresh token may be spent since that claim, and the row remembers that. MySQL
/// assigns from left to right, so `updating` and `updated_at` are read before they are set.
macro_rules! mark {
    () => {
        "UPDATE tokens SET \
         uncertain_since = CASE WHEN updating THEN COALESCE(uncertain_since, updated_at) ELSE uncertain_since END, \
         uncertain_tries = CASE WHEN updating THEN uncertain_tries + 1 ELSE uncertain_tries END, \
         updating = ?, attempt_id = ?, worker = ?, lease_until = ?, updated_at = ? WHERE "
    };
}

const DUE: &str = concat!(
    "SELECT id, name, refresh_at FROM tokens \
     WHERE refresh_at <= ? AND refresh_at >= ? AND NOT (refresh_at = ? AND id <= ?) \
     AND state IN ('new', 'ok') AND ",
    free!(),
    " ORDER BY refresh_at, id LIMIT ?"
);

const CLAIM: &str =
    concat!(mark!(), free!(), " AND refresh_at <= ? AND state IN ('new', 'ok') AND id IN ({list})");

const CLAIM_NAMED: &str = concat!(
    mark!(),
    free!(),
    " AND id = ? AND state IN ('new', 'ok') AND (last_success_at IS NULL OR last_success_at <= ?)"
);

const CLAIM_FORCED: &str = concat!(mark!(), free!(), " AND id = ? AND state <> 'disabled'");

const CLAIMED: &str = concat!(
    "SELECT ",
    token_columns!(),
    ", refresh_token FROM tokens WHERE attempt_id = ? AND id IN ({list}) \
     ORDER BY COALESCE(access_token_expires, 0), id"
);
