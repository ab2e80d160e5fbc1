//! The end of an attempt: the fenced commit of an answer, or the release after a failure.
//! What an answer leaves in the columns lies in `record`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Prepared, Store, StoreError, on_pool, row};
use crate::token::{Claimed, NewTokens, State, Stored};

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The answer is stored under this generation.
    Stored(i64),
    /// Somebody committed first: the answer is dropped.
    Fenced,
    /// Another attempt holds the row under a lease that has not lapsed: what it brings may be newer
    /// than this answer. Try again when it has ended.
    Held,
}

/// What a failed attempt leaves in its row.
#[derive(Debug, Clone)]
pub struct Release {
    /// The row's state from now on.
    pub state: State,
    /// When a worker takes it up again.
    pub refresh_at: DateTime<Utc>,
    /// The next try, for people; `None` when only a human can bring one about.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Failures since the last committed answer.
    pub failures: i64,
    /// Since when the refresh token may be spent.
    pub uncertain_since: Option<DateTime<Utc>>,
    /// How many exchanges with it ended without a known outcome.
    pub uncertain_tries: i64,
    /// When credentials were presented last, whatever came of it.
    pub last_login_at: Option<DateTime<Utc>>,
    /// The digest of a login that was refused; `None` leaves what stands there, so that a forced try
    /// that comes to something else does not hide what the provider refused.
    pub refused_login: Option<String>,
    /// The class of the failure and what it said; `None` leaves what stands there.
    pub error: Option<(String, String)>,
}

impl Store {
    /// Seals an answer for [`Store::commit`]. It was given at `now`, and the row is due again at
    /// `refresh_at`.
    ///
    /// # Errors
    /// [`StoreError::Seal`] when the key at hand cannot seal.
    pub fn prepare(
        &self,
        claimed: &Claimed,
        new: &NewTokens,
        refresh_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Prepared, StoreError> {
        Prepared::of(&self.seal, claimed, new, (refresh_at, now))
    }

    /// Writes the answer of a claim, if nobody committed since and nobody else holds the row. May be
    /// repeated after an error: a commit whose acknowledgement was lost is recognised by what the
    /// row then holds.
    ///
    /// # Errors
    /// [`StoreError`]; the caller holds the only copy of the answer and should try again.
    pub async fn commit(
        &self,
        prepared: &Prepared,
        now: DateTime<Utc>,
    ) -> Result<Commit, StoreError> {
        let (sql, new, now) = (self.statement(COMMIT), prepared, now.timestamp_millis());
        let written = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(&new.state).bind(text(new.access_token.as_ref()));
            let query = query.bind(&new.token_type).bind(new.scope.as_deref());
            let query = query.bind(new.access_token_expires).bind(text(new.refresh_token.as_ref()));
            let query = query.bind(text(new.refresh_token_previous.as_ref()));
            let query = query.bind(new.refresh_token_expires).bind(new.not_before);
            let query = query.bind(new.refresh_at).bind(false).bind(new.failures);
            let query = query.bind(new.next_attempt_at).bind(new.last_error_class.as_deref());
            let query = query.bind(new.last_error.as_deref()).bind(new.last_error_at);
            let query = query.bind(text(new.json_data.as_ref())).bind(new.last_success_at);
            let query = query.bind(new.last_login_at).bind(new.last_login_at).bind(now);
            let query = query.bind(new.id).bind(new.generation).bind(new.attempt).bind(now);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        if written == 1 { Ok(Commit::Stored(new.generation + 1)) } else { self.settle(new).await }
    }

    /// Why nothing was written: we ourselves had, in a try whose acknowledgement was lost; another
    /// has; or another is at it. A seal's random nonce makes our bytes unmistakable.
    async fn settle(&self, prepared: &Prepared) -> Result<Commit, StoreError> {
        let sql = self.statement(SETTLE);
        let found: Option<(i64, Option<Stored>, Option<Stored>)> = on_pool!(self, connection => {
            let found = sqlx::query(sql).bind(prepared.id).fetch_optional(&mut *connection).await?;
            found.map(|found| {
                let generation = found.try_get("generation")?;
                let access = row::stored(&found, "access_token")?;
                Ok((generation, access, row::stored(&found, "refresh_token")?))
            }).transpose()
        })?;
        let next = prepared.generation + 1;
        Ok(match found {
            Some((generation, access, refresh))
                if generation == next
                    && access == prepared.access_token
                    && refresh == prepared.refresh_token =>
            {
                Commit::Stored(next)
            }
            Some((generation, ..)) if generation == prepared.generation => Commit::Held,
            _ => Commit::Fenced,
        })
    }

    /// Gives a claim back after a failure. `false` when it was no longer ours.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then lapses by itself.
    pub async fn release(
        &self,
        claimed: &Claimed,
        release: &Release,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (sql, now) = (self.statement(RELEASE), now.timestamp_millis());
        let millis = |instant: Option<DateTime<Utc>>| instant.map(|i| i.timestamp_millis());
        let error = release.error.as_ref();
        let class = error.map(|(class, _)| class).or(claimed.token.last_error_class.as_ref());
        let message = error.map(|(_, message)| message).or(claimed.token.last_error.as_ref());
        let message = message.map(|message| storable(message));
        let error_at = error.map_or(millis(claimed.token.last_error_at), |_| Some(now));
        let released = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(release.state.as_str());
            let query = query.bind(release.refresh_at.timestamp_millis()).bind(false);
            let query = query.bind(release.failures).bind(millis(release.next_attempt_at));
            let query = query.bind(millis(release.uncertain_since)).bind(release.uncertain_tries);
            let query = query.bind(millis(release.last_login_at)).bind(&release.refused_login);
            let query = query.bind(class).bind(message.as_deref()).bind(error_at).bind(now);
            let query = query.bind(claimed.token.id).bind(claimed.attempt);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        Ok(released == 1)
    }
}

/// What every database's TEXT takes: PostgreSQL no NUL, MySQL no more than 64 KiB. A provider's or a
/// library's odd word must not keep an answer from being stored.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_TEXT && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(LONGEST_TEXT);
    Cow::Owned(text[..end].replace('\0', ""))
}

fn text(stored: Option<&Stored>) -> Option<&str> {
    stored.map(|stored| stored.0.expose())
}

/// A human may switch a row off while a worker is at it; both endings leave it so.
///
/// The generation alone would not do: while another attempt holds the row, its exchange may have
/// made this answer the older of two, and the one that is dropped must not be the living one. Nor
/// does an answer that comes late take back that others have presented the credentials meanwhile.
const COMMIT: &str = "UPDATE tokens SET state = CASE WHEN state = 'disabled' THEN state ELSE ? END, \
     generation = generation + 1, access_token = ?, \
     token_type = ?, scope = ?, access_token_expires = ?, refresh_token = ?, \
     refresh_token_previous = ?, refresh_token_expires = ?, not_before = ?, refresh_at = ?, \
     updating = ?, attempt_id = NULL, lease_until = NULL, uncertain_since = NULL, \
     uncertain_tries = 0, failures = ?, next_attempt_at = ?, last_error_class = ?, \
     last_error = ?, last_error_at = ?, json_data = ?, last_success_at = ?, \
     last_login_at = CASE WHEN last_login_at > COALESCE(?, 0) THEN last_login_at ELSE ? END, \
     refused_login = NULL, updated_at = ? WHERE id = ? AND generation = ? \
     AND (attempt_id = ? OR updating = FALSE OR lease_until IS NULL OR lease_until <= ?)";

/// More than any scope or message that people read.
const LONGEST_TEXT: usize = 16 * 1024;

const SETTLE: &str = "SELECT generation, access_token, refresh_token FROM tokens WHERE id = ?";

const RELEASE: &str = "UPDATE tokens SET state = CASE WHEN state = 'disabled' THEN state ELSE ? END, refresh_at = ?, updating = ?, \
     attempt_id = NULL, lease_until = NULL, failures = ?, next_attempt_at = ?, \
     uncertain_since = ?, uncertain_tries = ?, last_login_at = ?, \
     refused_login = COALESCE(?, refused_login), last_error_class = ?, last_error = ?, \
     last_error_at = ?, updated_at = ? WHERE id = ? AND attempt_id = ?";
