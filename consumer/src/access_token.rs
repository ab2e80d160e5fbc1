//! What a caller gets: a token, its times, and what is to be said about it. How it was come by lies
//! with `Consumer`.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokenkeeper_shared::{lifecycle::verdict::Warning, token::Token, wait::HandedOut};

/// A token that worked when it was handed out. It does not print.
#[derive(Debug, Clone)]
pub struct AccessToken(pub(crate) HandedOut);

impl AccessToken {
    /// The access token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.access_token.expose()
    }

    /// RFC 6749, 5.1: how to present it, `Bearer` nearly always.
    #[must_use]
    pub fn token_type(&self) -> &str {
        &self.0.token.token_type
    }

    /// What the provider granted, where it said so.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.0.token.scope.as_deref()
    }

    /// When it dies.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.token.access_token_expires
    }

    /// How long it had left when it was handed out, by the database's clock.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.0.token.valid_for(self.0.now)
    }

    /// Counts the provider's answers; a later token has a greater one.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.0.token.generation
    }

    /// Why it may soon not work.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        self.0.warning
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
        &self.0.token
    }
}
