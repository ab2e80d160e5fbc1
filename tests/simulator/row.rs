//! One row as plain values, and what a claim's end writes into it. Whether it may be written lies in
//! `model_store`.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokenkeeper_shared::{
    clock,
    seal::{Column, Place, Seal},
    secret::Secret,
    store::{Commit, Prepared, Release},
    token::{Claimed, State, Stored, Token},
};
use uuid::Uuid;

/// One row, with the columns that a `Token` leaves out.
#[derive(Debug, Clone)]
pub struct Row {
    pub token: Token,
    pub attempt: Option<Uuid>,
    pub refresh_token: Option<String>,
    pub refused_login: Option<String>,
    /// When the row was claimed last, or made due again: all that may change a row that is held.
    pub changed: DateTime<Utc>,
    /// Whose seal the tokens bear: stands for the nonce, by which a commit knows its own bytes.
    sealed_by: Option<Uuid>,
}

/// A prepared answer, as its line in the journal says it.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    pub id: Uuid,
    pub generation: i64,
    pub attempt: Uuid,
    state: String,
    pub access_token: Option<String>,
    token_type: String,
    scope: Option<String>,
    pub access_token_expires: Option<i64>,
    pub refresh_token: Option<String>,
    refresh_token_expires: Option<i64>,
    not_before: Option<i64>,
    refresh_at: i64,
    failures: i64,
    next_attempt_at: Option<i64>,
    last_error_class: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<i64>,
    last_success_at: Option<i64>,
    last_login_at: Option<i64>,
}

impl Line {
    pub fn of(prepared: &Prepared) -> Self {
        serde_json::from_str(&prepared.to_line().unwrap()).unwrap()
    }
}

impl Row {
    pub fn enrolled(id: Uuid, name: &str, now: DateTime<Utc>) -> Self {
        Self {
            token: Token::enrolled(id, name.parse().unwrap(), "oauth2", now),
            attempt: None,
            refresh_token: None,
            refused_login: None,
            changed: now,
            sealed_by: None,
        }
    }

    /// Tokens that the row has from the start.
    pub fn give(&mut self, access: &str, refresh: &str) {
        self.token.access_token = Some(sealed(&self.token, access));
        self.refresh_token = Some(refresh.to_owned());
    }

    pub fn access_token(&self) -> Option<String> {
        let stored = self.token.access_token.as_ref()?;
        Some(Seal::Off.open(place(&self.token), stored).unwrap().expose().to_owned())
    }
}

impl Row {
    pub fn settle(&self, line: &Line) -> Commit {
        let is_next = self.token.generation == line.generation + 1;
        if is_next && self.sealed_by == Some(line.attempt) {
            Commit::Stored(line.generation + 1)
        } else if self.token.generation == line.generation {
            Commit::Held
        } else {
            Commit::Fenced
        }
    }

    pub fn store(&mut self, line: &Line) {
        let row = &mut self.token;
        if row.state != State::Disabled {
            row.state = line.state.parse().unwrap();
        }
        row.generation += 1;
        row.access_token = line.access_token.as_ref().map(|token| sealed(row, token));
        row.token_type.clone_from(&line.token_type);
        row.scope.clone_from(&line.scope);
        row.access_token_expires = instant(line.access_token_expires);
        row.refresh_token_expires = instant(line.refresh_token_expires);
        row.not_before = instant(line.not_before);
        row.refresh_at = clock::from_millis(line.refresh_at);
        (row.updating, row.lease_until) = (false, None);
        (row.uncertain_since, row.uncertain_tries) = (None, 0);
        row.failures = line.failures;
        row.next_attempt_at = instant(line.next_attempt_at);
        row.last_error_class.clone_from(&line.last_error_class);
        row.last_error.clone_from(&line.last_error);
        row.last_error_at = instant(line.last_error_at);
        row.last_success_at = instant(line.last_success_at);
        row.last_login_at = row.last_login_at.max(instant(line.last_login_at));
        self.attempt = None;
        self.refresh_token.clone_from(&line.refresh_token);
        self.refused_login = None;
        self.sealed_by = Some(line.attempt);
    }

    pub fn give_back(&mut self, claimed: &Claimed, release: &Release, now: DateTime<Utc>) {
        let (row, before) = (&mut self.token, &claimed.token);
        if row.state != State::Disabled {
            row.state = release.state;
        }
        row.refresh_at = whole(release.refresh_at);
        row.failures = release.failures;
        row.next_attempt_at = release.next_attempt_at.map(whole);
        row.uncertain_since = release.uncertain_since.map(whole);
        row.uncertain_tries = release.uncertain_tries;
        row.last_login_at = release.last_login_at.map(whole);
        self.refused_login = release.refused_login.clone().or(self.refused_login.take());
        let (class, message) = match &release.error {
            Some((class, message)) => (Some(class), Some(message)),
            None => (before.last_error_class.as_ref(), before.last_error.as_ref()),
        };
        (row.last_error_class, row.last_error) = (class.cloned(), message.cloned());
        row.last_error_at = if release.error.is_some() { Some(now) } else { before.last_error_at };
    }
}

fn sealed(row: &Token, token: &str) -> Stored {
    Seal::Off.seal(place(row), &Secret::new(token)).unwrap()
}

fn place(row: &Token) -> Place<'_> {
    Place { table: "tokens", row: row.name.as_str(), column: Column::AccessToken }
}

fn instant(millis: Option<i64>) -> Option<DateTime<Utc>> {
    millis.map(clock::from_millis)
}

/// The store keeps whole milliseconds.
fn whole(instant: DateTime<Utc>) -> DateTime<Utc> {
    clock::from_millis(instant.timestamp_millis())
}
