//! What a row holds and what a provider's answer becomes, as plain values.
//! How they are stored lies with `store`; what follows from them lies with `lifecycle`.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{clock, name::TokenName, secret::Secret};

/// Where a row stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No answer of the provider has been committed yet.
    New,
    /// Kept fresh by the worker.
    Ok,
    /// A human must act: the worker has stopped trying.
    NeedsLogin,
    /// Switched off by a human.
    Disabled,
}

impl State {
    /// The word in the database, in JSON and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ok => "ok",
            Self::NeedsLogin => "needs_login",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::New, Self::Ok, Self::NeedsLogin, Self::Disabled]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| UnknownState(word.to_owned()))
    }
}

/// A word in the column `state` that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no state of a token")]
pub struct UnknownState(String);

/// A secret column as it lies in the database: sealed, or in clear where sealing is off.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored(pub(crate) Secret);

impl Stored {
    /// Stands for one that was opened: what it held is kept elsewhere, and need not lie there twice.
    pub(crate) fn opened() -> Self {
        Self(Secret::new(String::new()))
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// One row of `tokens`, as everybody may see it: the access token is still sealed, and the refresh
/// token is not part of it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The row's key.
    pub id: Uuid,
    /// What consumers ask for.
    pub name: TokenName,
    /// The kind of provider that the row was last kept with.
    pub provider: String,
    /// Where the row stands.
    pub state: State,
    /// Counts committed answers; never goes back.
    pub generation: i64,
    /// The access token as stored; open it with the store. In a row that was read together with its
    /// opened token only whether there is one.
    pub access_token: Option<Stored>,
    /// RFC 6749, 5.1: how to present the access token, `Bearer` nearly always.
    pub token_type: String,
    /// RFC 6749, 5.1: what the provider granted, where it said so.
    pub scope: Option<String>,
    /// When the access token dies.
    pub access_token_expires: Option<DateTime<Utc>>,
    /// When the refresh token dies, where the provider said so.
    pub refresh_token_expires: Option<DateTime<Utc>>,
    /// Before this instant the access token is not valid yet.
    pub not_before: Option<DateTime<Utc>>,
    /// When a worker takes the row up next: its renewal, or after a failure the next try.
    pub refresh_at: DateTime<Utc>,
    /// A worker has claimed the row. It counts only while `lease_until` lies ahead.
    pub updating: bool,
    /// Which worker holds or last held the row.
    pub worker: Option<String>,
    /// Until when the claim holds.
    pub lease_until: Option<DateTime<Utc>>,
    /// Since when the stored refresh token may have been spent without an answer.
    pub uncertain_since: Option<DateTime<Utc>>,
    /// How many exchanges with the stored refresh token ended without a known outcome.
    pub uncertain_tries: i64,
    /// Failures since the last committed answer.
    pub failures: i64,
    /// The next try after a failure.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The class of the last failure.
    pub last_error_class: Option<String>,
    /// What the last failure said, without secrets.
    pub last_error: Option<String>,
    /// When the last failure happened.
    pub last_error_at: Option<DateTime<Utc>>,
    /// When the last answer was committed.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When credentials were presented last, by any worker.
    pub last_login_at: Option<DateTime<Utc>>,
}

impl Token {
    /// A row as it is made for a configured name: nothing has been asked for yet, and it is due now.
    #[must_use]
    pub fn enrolled(id: Uuid, name: TokenName, provider: &str, now: DateTime<Utc>) -> Self {
        Self {
            id,
            name,
            provider: provider.to_owned(),
            state: State::New,
            generation: 0,
            access_token: None,
            token_type: String::new(),
            scope: None,
            access_token_expires: None,
            refresh_token_expires: None,
            not_before: None,
            refresh_at: now,
            updating: false,
            worker: None,
            lease_until: None,
            uncertain_since: None,
            uncertain_tries: 0,
            failures: 0,
            next_attempt_at: None,
            last_error_class: None,
            last_error: None,
            last_error_at: None,
            last_success_at: None,
            last_login_at: None,
        }
    }

    /// Whether a worker is at the row: `updating` with a lease that lies ahead.
    #[must_use]
    pub fn is_being_updated(&self, now: DateTime<Utc>) -> bool {
        self.updating && self.lease_until.is_some_and(|until| until > now)
    }

    /// Whether the stored access token works at `now`, as far as its times say.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.access_token.is_some() && self.has_begun(now) && !self.valid_for(now).is_zero()
    }

    /// Whether `not_before` has passed. It is the provider's clock against the database's, so a
    /// minute of skew is forgiven: a token handed out for use now is meant to be used now.
    #[must_use]
    pub fn has_begun(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|start| start <= clock::after(now, NOT_BEFORE_LEEWAY))
    }

    /// How long the access token has left, zero when there is none.
    #[must_use]
    pub fn valid_for(&self, now: DateTime<Utc>) -> Duration {
        self.access_token_expires.map_or(Duration::ZERO, |end| clock::until(now, end))
    }

    /// How long the access token lives in all, where that is known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        Some(clock::until(self.last_success_at?, self.access_token_expires?))
    }
}

/// What a claim hands to the worker: the row, and the refresh token to spend.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The row as it was claimed.
    pub token: Token,
    /// The claim's mark.
    pub attempt: Uuid,
    /// The refresh token of this very claim; one read earlier is never spent.
    pub refresh_token: Option<Secret>,
    /// A human asked for it: what protects the row from needless tries does not hold.
    pub forced: bool,
}

/// What one answer of the provider leaves to store.
#[derive(Debug, Clone)]
pub struct NewTokens {
    /// The new access token; `None` when only a refresh token could be used (`partial`).
    pub access: Option<NewAccessToken>,
    /// The refresh token to keep.
    pub refresh_token: RefreshTokenChange,
    /// When the refresh token dies, where the provider said so.
    pub refresh_token_expires: Option<DateTime<Utc>>,
    /// The provider's whole answer.
    pub json_data: Option<Secret>,
    /// What was wrong with an answer that brought no usable access token.
    pub problem: Option<String>,
    /// When the login was sent that this answers, if it was one.
    pub login_at: Option<DateTime<Utc>>,
}

/// A usable access token with its times.
#[derive(Debug, Clone)]
pub struct NewAccessToken {
    /// The token: printable ASCII without blanks.
    pub token: Secret,
    /// RFC 6749, 5.1.
    pub token_type: String,
    /// RFC 6749, 5.1.
    pub scope: Option<String>,
    /// When it dies.
    pub expires_at: DateTime<Utc>,
    /// When it begins to be valid, where the provider said so.
    pub not_before: Option<DateTime<Utc>>,
}

/// What becomes of the stored refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshTokenChange {
    /// RFC 6749, 6: an answer without one leaves the old one in force.
    Keep,
    /// The provider rotated it, or gave the first one.
    Replace(Secret),
    /// A login answered without one: what is stored is dead.
    Clear,
}

/// Skew between the provider's and the database's clock that `not_before` forgives.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(60);
