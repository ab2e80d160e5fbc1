//! What a caller gets: a token, its times, and what is to be said about it. How it was come by lies
//! with `Consumer`.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::Guard;
use chrono::{DateTime, SecondsFormat, Utc};
use tokenkeeper_shared::{lifecycle::verdict::Warning, secret::Secret, token::Token, wait::Seen};

use crate::cell::Held;

/// A token that worked when it was handed out. It does not print.
pub struct AccessToken {
    /// Borrowed from the memory without counting, where that is possible; never empty.
    held: Guard<Option<Arc<Held>>>,
    warning: Option<Warning>,
}

impl AccessToken {
    /// `None` of nothing.
    #[inline]
    pub(crate) fn of(held: Guard<Option<Arc<Held>>>, warning: Option<Warning>) -> Option<Self> {
        held.is_some().then_some(Self { held, warning })
    }

    /// Of a row that is not remembered.
    pub(crate) fn alone(seen: Arc<Seen>, warning: Option<Warning>) -> Self {
        Self { held: Guard::from_inner(Some(Arc::new(Held::alone(seen)))), warning }
    }

    /// The access token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.seen().access_token.as_ref().map_or("", Secret::expose)
    }

    /// RFC 6749, 5.1: how to present it, `Bearer` nearly always.
    #[must_use]
    pub fn token_type(&self) -> &str {
        &self.row().token_type
    }

    /// What the provider granted, where it said so.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.row().scope.as_deref()
    }

    /// When it dies.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row().access_token_expires
    }

    /// How long it has left, by the database's clock.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.row().valid_for(self.seen().time.now())
    }

    /// Counts the provider's answers; a later token has a greater one.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.row().generation
    }

    /// Why it may soon not work.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        self.warning
    }

    /// The warning in words: until when it works, and why it may not be renewed by then.
    #[must_use]
    pub fn warning_text(&self) -> Option<String> {
        let (warning, row) = (self.warning()?, self.row());
        let until = self.expires_at()?.to_rfc3339_opts(SecondsFormat::Secs, true);
        // An old failure has nothing to do with the outage.
        let error = row.last_error.as_deref().filter(|_| warning != Warning::OutOfReach);
        let why = error.map(|error| format!(" ({error})")).unwrap_or_default();
        Some(format!("{}: the stored token works until {until}, but {warning}{why}", row.name))
    }

    /// The row that it came from.
    #[must_use]
    pub fn row(&self) -> &Token {
        &self.seen().token
    }

    #[expect(clippy::expect_used, reason = "`of` makes none of nothing")]
    fn seen(&self) -> &Seen {
        &self.held.as_ref().expect("a token holds a row").seen
    }
}

impl Clone for AccessToken {
    fn clone(&self) -> Self {
        Self { held: Guard::from_inner(self.held.clone()), warning: self.warning }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row();
        write!(formatter, "AccessToken({}, generation {})", row.name, row.generation)
    }
}
