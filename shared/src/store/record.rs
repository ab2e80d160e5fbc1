//! An answer sealed and ready to commit, as plain column values: it can be bound any number of
//! times, and be written to a file and read back. How it is committed lies in `commit`.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{StoreError, commit::storable, read::place};
use crate::{
    name::TokenName,
    seal::{Column, Seal},
    secret::Secret,
    token::{Claimed, NewTokens, RefreshTokenChange, State, Stored},
};

/// An answer sealed and ready to commit. A retried commit writes the same bytes, by which it is
/// known again.
///
/// [`Prepared::to_line`] makes one line of it, and [`Prepared::from_line`] reads that line. The
/// secrets in it are sealed as in the database: in clear where the store is kept in clear.
#[derive(Clone, Serialize, Deserialize)]
pub struct Prepared {
    pub(super) id: Uuid,
    pub(super) name: TokenName,
    /// The generation that was claimed.
    pub(super) generation: i64,
    pub(super) attempt: Uuid,
    pub(super) state: String,
    #[serde(with = "sealed_text")]
    pub(super) access_token: Option<Stored>,
    pub(super) token_type: String,
    pub(super) scope: Option<String>,
    pub(super) access_token_expires: Option<i64>,
    #[serde(with = "sealed_text")]
    pub(super) refresh_token: Option<Stored>,
    #[serde(with = "sealed_text")]
    pub(super) refresh_token_previous: Option<Stored>,
    pub(super) refresh_token_expires: Option<i64>,
    pub(super) not_before: Option<i64>,
    pub(super) refresh_at: i64,
    pub(super) failures: i64,
    pub(super) next_attempt_at: Option<i64>,
    pub(super) last_error_class: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) last_error_at: Option<i64>,
    #[serde(with = "sealed_text")]
    pub(super) json_data: Option<Stored>,
    pub(super) last_success_at: Option<i64>,
    pub(super) last_login_at: Option<i64>,
}

/// Without what it holds.
impl fmt::Debug for Prepared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Prepared({}, {}, [redacted])", self.name, self.attempt)
    }
}

impl Prepared {
    /// Which token it is for.
    #[must_use]
    pub fn name(&self) -> &TokenName {
        &self.name
    }

    /// The claim that it answers.
    #[must_use]
    pub fn attempt(&self) -> Uuid {
        self.attempt
    }

    /// The generation that was claimed.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// What was wrong with the answer, where it brought no usable access token.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// One line of JSON without a line break; a secret where the store is kept in clear.
    ///
    /// # Errors
    /// None that is known: every field is plain.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Prepared::to_line`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Seals an answer. `now` is the moment at which the provider gave it.
    pub(super) fn of(
        seal: &Seal,
        claimed: &Claimed,
        new: &NewTokens,
        (refresh_at, now): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Self, StoreError> {
        let row = &claimed.token;
        let sealing = |column, secret: Option<&Secret>| sealed(seal, &row.name, column, secret);
        let (next, previous) = refresh_tokens(claimed, new);
        let access = new.access.as_ref();
        let problem = new.problem.as_deref().map(|problem| storable(problem).into_owned());
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            generation: row.generation,
            attempt: claimed.attempt,
            state: state_after(access.is_some(), row.state).as_str().to_owned(),
            access_token: match access {
                Some(access) => sealing(Column::AccessToken, Some(&access.token))?,
                None => row.access_token.clone(),
            },
            token_type: storable(access.map_or(&row.token_type, |new| &new.token_type))
                .into_owned(),
            scope: access
                .map_or(row.scope.as_deref(), |new| new.scope.as_deref())
                .map(|scope| storable(scope).into_owned()),
            access_token_expires: millis(
                access.map_or(row.access_token_expires, |new| Some(new.expires_at)),
            ),
            refresh_token: sealing(Column::RefreshToken, next)?,
            refresh_token_previous: sealing(Column::RefreshTokenPrevious, previous)?,
            refresh_token_expires: millis(new.refresh_token_expires),
            not_before: millis(access.map_or(row.not_before, |new| new.not_before)),
            refresh_at: refresh_at.timestamp_millis(),
            failures: problem.as_ref().map_or(0, |_| row.failures + 1),
            next_attempt_at: problem.as_ref().map(|_| refresh_at.timestamp_millis()),
            last_error_class: problem.as_ref().map(|_| PARTIAL.to_owned()),
            last_error_at: problem.as_ref().map(|_| now.timestamp_millis()),
            last_error: problem,
            json_data: sealing(Column::JsonData, new.json_data.as_ref())?,
            last_success_at: millis(access.map_or(row.last_success_at, |_| Some(now))),
            last_login_at: millis(new.login_at.or(row.last_login_at)),
        })
    }
}

/// A partial answer to a forced claim is tried again too: it no longer waits for a human.
fn state_after(has_access_token: bool, before: State) -> State {
    if !has_access_token && before == State::New { State::New } else { State::Ok }
}

/// The refresh token to keep, and the one before it for a recovery by hand.
fn refresh_tokens<'a>(
    claimed: &'a Claimed,
    new: &'a NewTokens,
) -> (Option<&'a Secret>, Option<&'a Secret>) {
    let current = claimed.refresh_token.as_ref();
    match &new.refresh_token {
        RefreshTokenChange::Keep => (current, None),
        RefreshTokenChange::Clear => (None, current),
        RefreshTokenChange::Replace(secret) => (Some(secret), current.filter(|old| *old != secret)),
    }
}

fn sealed(
    seal: &Seal,
    name: &TokenName,
    column: Column,
    secret: Option<&Secret>,
) -> Result<Option<Stored>, StoreError> {
    let sealed = secret.map(|secret| seal.seal(place(name, column), secret)).transpose();
    sealed.map_err(|source| StoreError::Seal { name: name.to_string(), source })
}

fn millis(instant: Option<DateTime<Utc>>) -> Option<i64> {
    instant.map(|instant| instant.timestamp_millis())
}

/// Stored text for this room alone: `Stored` itself has no way out, so that it is written nowhere
/// by accident.
mod sealed_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::{secret::Secret, token::Stored};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        stored: &Option<Stored>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        stored.as_ref().map(|stored| stored.0.expose()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Stored>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.map(|text| Stored(Secret::new(text))))
    }
}

/// The class of an answer whose refresh token alone could be kept.
const PARTIAL: &str = "partial";
