//! The end of an attempt: the fenced commit of an answer, or the release after a failure.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{Store, StoreError, on_pool, read::place, row};
use crate::{
    seal::Column,
    secret::Secret,
    token::{Claimed, NewTokens, RefreshTokenChange, State, Stored},
};

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The answer is stored under this generation.
    Stored(i64),
    /// Somebody committed first: the answer is dropped.
    Fenced,
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
    /// The class of the failure and what it said; `None` leaves what stands there.
    pub error: Option<(String, String)>,
}

/// A sealed answer, ready to be bound any number of times: a retried commit writes the same bytes,
/// by which it is known again.
struct Sealed {
    access_token: Option<Stored>,
    refresh_token: Option<Stored>,
    refresh_token_previous: Option<Stored>,
    json_data: Option<Stored>,
}

impl Store {
    /// Writes the answer of a claim, if nobody committed since. May be repeated after an error: a
    /// commit whose acknowledgement was lost is recognised by what the row then holds.
    ///
    /// # Errors
    /// [`StoreError`]; the caller holds the only copy of the answer and should try again.
    pub async fn commit(
        &self,
        prepared: &Prepared,
        now: DateTime<Utc>,
    ) -> Result<Commit, StoreError> {
        let sql = self.statement(COMMIT);
        let Prepared { claimed, new, refresh_at, sealed } = prepared;
        let (row, access, now) = (&claimed.token, new.access.as_ref(), now.timestamp_millis());
        let millis = |instant: Option<DateTime<Utc>>| instant.map(|i| i.timestamp_millis());
        let expires = access.map_or(row.access_token_expires, |access| Some(access.expires_at));
        let scope = access.map_or(row.scope.as_deref(), |access| access.scope.as_deref());
        let scope = scope.map(storable);
        let not_before = access.map_or(row.not_before, |access| access.not_before);
        let token_type = storable(access.map_or(&row.token_type, |access| &access.token_type));
        // A partial answer to a forced claim is tried again too: it no longer waits for a human.
        let state = match (access, row.state) {
            (None, State::New) => State::New,
            _ => State::Ok,
        };
        let success = access.map_or(millis(row.last_success_at), |_| Some(now));
        let problem = new.problem.as_deref().map(storable);
        let (failures, class) =
            problem.as_ref().map_or((0, None), |_| (row.failures + 1, Some(PARTIAL)));
        let next_attempt_at = problem.as_ref().map(|_| refresh_at.timestamp_millis());
        let written = on_pool!(self, pool => {
            let query = sqlx::query(sql).bind(state.as_str()).bind(text(sealed.access_token.as_ref()));
            let query = query.bind(token_type.as_ref()).bind(scope.as_deref()).bind(millis(expires));
            let query = query.bind(text(sealed.refresh_token.as_ref()));
            let query = query.bind(text(sealed.refresh_token_previous.as_ref()));
            let query = query.bind(millis(new.refresh_token_expires)).bind(millis(not_before));
            let query = query.bind(refresh_at.timestamp_millis()).bind(false);
            let query = query.bind(failures).bind(next_attempt_at).bind(class);
            let query = query.bind(problem.as_deref()).bind(problem.as_ref().map(|_| now));
            let query = query.bind(text(sealed.json_data.as_ref()));
            let query = query.bind(success).bind(now);
            query.bind(row.id).bind(row.generation).execute(pool).await?.rows_affected()
        });
        if written == 1 {
            Ok(Commit::Stored(row.generation + 1))
        } else {
            self.settle(prepared).await
        }
    }

    /// Who moved the generation: we ourselves, in a try whose acknowledgement was lost, or another?
    /// A seal's random nonce makes our bytes unmistakable.
    async fn settle(&self, prepared: &Prepared) -> Result<Commit, StoreError> {
        let (sql, row) = (self.statement(SETTLE), &prepared.claimed.token);
        let found: Option<(Option<Stored>, Option<Stored>)> = on_pool!(self, pool => {
            let query = sqlx::query(sql).bind(row.id).bind(row.generation + 1);
            let found = query.fetch_optional(pool).await?;
            found.map(|found| {
                Ok::<_, StoreError>((row::stored(&found, "access_token")?, row::stored(&found, "refresh_token")?))
            }).transpose()?
        });
        let Sealed { access_token, refresh_token, .. } = &prepared.sealed;
        let ours = found
            .is_some_and(|(access, refresh)| access == *access_token && refresh == *refresh_token);
        Ok(if ours { Commit::Stored(row.generation + 1) } else { Commit::Fenced })
    }

    /// Seals an answer for [`Store::commit`].
    ///
    /// # Errors
    /// [`StoreError::Seal`] when the key at hand cannot seal.
    pub fn prepare(
        &self,
        claimed: Claimed,
        new: NewTokens,
        refresh_at: DateTime<Utc>,
    ) -> Result<Prepared, StoreError> {
        let seal = |column, secret: Option<&Secret>| {
            let sealed =
                secret.map(|secret| self.seal.seal(place(&claimed.token.name, column), secret));
            sealed
                .transpose()
                .map_err(|source| StoreError::Seal { name: claimed.token.name.to_string(), source })
        };
        let current = claimed.refresh_token.as_ref();
        let (next, previous) = match &new.refresh_token {
            RefreshTokenChange::Keep => (current, None),
            RefreshTokenChange::Clear => (None, current),
            RefreshTokenChange::Replace(secret) => {
                (Some(secret), current.filter(|old| *old != secret))
            }
        };
        let access_token = match &new.access {
            Some(access) => seal(Column::AccessToken, Some(&access.token))?,
            None => claimed.token.access_token.clone(),
        };
        let sealed = Sealed {
            access_token,
            refresh_token: seal(Column::RefreshToken, next)?,
            refresh_token_previous: seal(Column::RefreshTokenPrevious, previous)?,
            json_data: seal(Column::JsonData, new.json_data.as_ref())?,
        };
        Ok(Prepared { claimed, new, refresh_at, sealed })
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
        let released = on_pool!(self, pool => {
            let query = sqlx::query(sql).bind(release.state.as_str());
            let query = query.bind(release.refresh_at.timestamp_millis()).bind(false);
            let query = query.bind(release.failures).bind(millis(release.next_attempt_at));
            let query = query.bind(millis(release.uncertain_since)).bind(release.uncertain_tries);
            let query = query.bind(class).bind(message.as_deref()).bind(error_at).bind(now);
            query.bind(claimed.token.id).bind(claimed.attempt).execute(pool).await?.rows_affected()
        });
        Ok(released == 1)
    }
}

/// An answer sealed and ready to commit.
pub struct Prepared {
    claimed: Claimed,
    new: NewTokens,
    refresh_at: DateTime<Utc>,
    sealed: Sealed,
}

/// What every database's TEXT takes: PostgreSQL no NUL, MySQL no more than 64 KiB. A provider's or a
/// library's odd word must not keep an answer from being stored.
fn storable(text: &str) -> Cow<'_, str> {
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
const COMMIT: &str = "UPDATE tokens SET state = CASE WHEN state = 'disabled' THEN state ELSE ? END, \
     generation = generation + 1, access_token = ?, \
     token_type = ?, scope = ?, access_token_expires = ?, refresh_token = ?, \
     refresh_token_previous = ?, refresh_token_expires = ?, not_before = ?, refresh_at = ?, \
     updating = ?, attempt_id = NULL, lease_until = NULL, uncertain_since = NULL, \
     uncertain_tries = 0, failures = ?, next_attempt_at = ?, last_error_class = ?, \
     last_error = ?, last_error_at = ?, json_data = ?, last_success_at = ?, updated_at = ? \
     WHERE id = ? AND generation = ?";

/// More than any scope or message that people read.
const LONGEST_TEXT: usize = 16 * 1024;

/// The class of an answer whose refresh token alone could be kept.
const PARTIAL: &str = "partial";

const SETTLE: &str =
    "SELECT access_token, refresh_token FROM tokens WHERE id = ? AND generation = ?";

const RELEASE: &str = "UPDATE tokens SET state = CASE WHEN state = 'disabled' THEN state ELSE ? END, refresh_at = ?, updating = ?, \
     attempt_id = NULL, lease_until = NULL, failures = ?, next_attempt_at = ?, \
     uncertain_since = ?, uncertain_tries = ?, last_error_class = ?, last_error = ?, \
     last_error_at = ?, updated_at = ? WHERE id = ? AND attempt_id = ?";
