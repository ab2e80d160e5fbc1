//! What a consumer gets: a pure function of the row, the database's time and the caller's wish,
//! shared by library, command line and server. How long to poll is decided by the caller.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::token::{State, Token};

/// What to do while a worker is at the row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhileUpdating {
    /// Poll until `updating` is false: the mission's contract.
    #[default]
    Wait,
    /// Hand the stored token out at once while it is valid: for providers whose old token lives on.
    Serve,
}

/// What the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How long the token should last at least; less brings a warning, not a refusal.
    pub min_ttl: Duration,
    /// What to do while a worker is at the row.
    pub while_updating: WhileUpdating,
}

impl Default for Wish {
    fn default() -> Self {
        Self { min_ttl: MIN_TTL, while_updating: WhileUpdating::Wait }
    }
}

/// What follows for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Take the stored token.
    Token(Option<Warning>),
    /// A worker is at it, at the latest until this instant: ask again.
    Wait(DateTime<Utc>),
    /// There is no token that works.
    Refused(Refusal),
}

/// Why a token that works may soon not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// A worker is renewing it right now.
    Updating,
    /// The last renewal failed.
    RefreshFailed,
    /// The worker waits for a human.
    NeedsLogin,
    /// Somebody switched the row off.
    Disabled,
    /// It has less left than was asked for.
    ExpiresSoon,
    /// The database cannot be asked: the token is the last one that it gave.
    OutOfReach,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Updating => "a worker is renewing it right now",
            Self::RefreshFailed => "its last renewal failed",
            Self::NeedsLogin => "the worker cannot renew it until a human acts",
            Self::Disabled => "it is disabled and will not be renewed",
            Self::ExpiresSoon => "it has less time left than was asked for",
            Self::OutOfReach => "the database is out of reach",
        })
    }
}

/// Why there is no token to hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No login has succeeded yet.
    NoTokenYet,
    /// The stored one died at this instant.
    Expired(DateTime<Utc>),
    /// The stored one begins to be valid at this instant.
    NotYetValid(DateTime<Utc>),
    /// The wait is over and a worker is still at it; nothing valid is stored.
    StillUpdating,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |instant: &DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self {
            Self::NoTokenYet => formatter.write_str("no login has succeeded yet"),
            Self::Expired(at) => write!(formatter, "the stored token expired at {}", time(at)),
            Self::NotYetValid(at) => {
                write!(formatter, "the stored token is not valid before {}", time(at))
            }
            Self::StillUpdating => {
                formatter.write_str("a worker is still renewing it and nothing valid is stored")
            }
        }
    }
}

/// Judges a row at the database's time `now`.
#[must_use]
pub fn verdict(token: &Token, now: DateTime<Utc>, wish: Wish) -> Verdict {
    let serve_meanwhile = wish.while_updating == WhileUpdating::Serve && token.is_valid(now);
    match token.lease_until {
        Some(until) if token.is_being_updated(now) && !serve_meanwhile => Verdict::Wait(until),
        _ => verdict_without_waiting(token, now, wish),
    }
}

/// The same for a caller who has waited long enough.
#[must_use]
pub fn verdict_without_waiting(token: &Token, now: DateTime<Utc>, wish: Wish) -> Verdict {
    if token.is_valid(now) {
        return Verdict::Token(warning(token, now, wish));
    }
    Verdict::Refused(match (token.access_token_expires, token.not_before) {
        _ if token.is_being_updated(now) => Refusal::StillUpdating,
        (Some(end), _) if end <= now => Refusal::Expired(end),
        (Some(_), Some(start)) if !token.has_begun(now) => Refusal::NotYetValid(start),
        _ => Refusal::NoTokenYet,
    })
}

fn warning(token: &Token, now: DateTime<Utc>, wish: Wish) -> Option<Warning> {
    match token.state {
        _ if token.is_being_updated(now) => Some(Warning::Updating),
        State::NeedsLogin => Some(Warning::NeedsLogin),
        State::Disabled => Some(Warning::Disabled),
        _ if token.failures > 0 => Some(Warning::RefreshFailed),
        _ if token.valid_for(now) < min_ttl(token, wish) => Some(Warning::ExpiresSoon),
        _ => None,
    }
}

/// What the caller may ask for: never more than a quarter of the lifetime, or no fresh token of a
/// short-lived kind would ever satisfy.
fn min_ttl(token: &Token, wish: Wish) -> Duration {
    token.lifetime().map_or(wish.min_ttl, |life| wish.min_ttl.min(life / 4))
}

/// Enough for the request that the token is fetched for.
pub const MIN_TTL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
