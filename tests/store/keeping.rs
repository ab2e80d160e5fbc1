//! What the tests put into a store: names, instants, answers, rows in the middle of their life.

use std::time::Duration;

use chrono::{DateTime, Utc};

use tokenkeeper_shared::clock;
use tokenkeeper_shared::name::TokenName;
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{Commit, Release, Store};
use tokenkeeper_shared::token::{
    Claimed, NewAccessToken, NewTokens, RefreshTokenChange, State, Token,
};

pub const WORKER: &str = "worker-1";
pub const PROVIDER: &str = "example";
pub const HOUR: u64 = 3600;

pub fn name(text: &str) -> TokenName {
    text.parse().unwrap()
}

/// The instant at which most tests play; no database's clock has a say in it.
pub fn noon() -> DateTime<Utc> {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

/// So many seconds after noon.
pub fn later(seconds: u64) -> DateTime<Utc> {
    clock::after(noon(), Duration::from_secs(seconds))
}

/// An answer with both tokens; the access token lives twelve hours.
pub fn answer(access: &str, refresh: &str, now: DateTime<Utc>) -> NewTokens {
    NewTokens {
        access: Some(NewAccessToken {
            token: Secret::new(access),
            token_type: "Bearer".to_owned(),
            scope: Some("read".to_owned()),
            expires_at: clock::after(now, Duration::from_secs(12 * HOUR)),
            not_before: None,
        }),
        refresh_token: RefreshTokenChange::Replace(Secret::new(refresh)),
        refresh_token_expires: None,
        json_data: Some(Secret::new(format!(r#"{{"access_token":"{access}"}}"#))),
        problem: None,
        login_at: None,
    }
}

/// An answer without an access token that could be used.
pub fn partial(refresh: &str) -> NewTokens {
    NewTokens {
        access: None,
        refresh_token: RefreshTokenChange::Replace(Secret::new(refresh)),
        refresh_token_expires: None,
        json_data: None,
        problem: Some("the access token holds a blank".to_owned()),
        login_at: None,
    }
}

/// What a failure leaves: one more try, thirty seconds after `now`.
pub fn failure(now: DateTime<Utc>) -> Release {
    let again = clock::after(now, Duration::from_secs(30));
    Release {
        state: State::Ok,
        refresh_at: again,
        next_attempt_at: Some(again),
        failures: 1,
        uncertain_since: None,
        uncertain_tries: 0,
        last_login_at: None,
        refused_login: None,
        error: Some(("not_sent".to_owned(), "connection refused".to_owned())),
    }
}

pub async fn row(store: &Store, text: &str) -> Token {
    let read = store.read(&name(text)).await.unwrap();
    read.unwrap_or_else(|| panic!("there is no row {text}")).0
}

pub async fn enrolled(store: &Store, text: &str, now: DateTime<Utc>) -> Token {
    store.enrol(&name(text), PROVIDER, now).await.unwrap();
    row(store, text).await
}

/// Claims whatever the row's due time says.
pub async fn claimed(store: &Store, text: &str, now: DateTime<Utc>) -> Claimed {
    let token = row(store, text).await;
    let claim = store.claim_named(&token, true, WORKER, now).await.unwrap();
    claim.expect("the row is free").unwrap()
}

/// Commits the answer; the row is due again eleven hours after `now`.
pub async fn committed(
    store: &Store,
    claimed: &Claimed,
    new: NewTokens,
    now: DateTime<Utc>,
) -> Commit {
    let due = clock::after(now, Duration::from_secs(11 * HOUR));
    let prepared = store.prepare(claimed, &new, due, now).unwrap();
    store.commit(&prepared, now).await.unwrap()
}

/// A row whose first answer came at `now`: `access-1` and `refresh-1`, each followed by the name.
pub async fn kept(store: &Store, text: &str, now: DateTime<Utc>) -> Token {
    enrolled(store, text, now).await;
    let claim = claimed(store, text, now).await;
    let (access, refresh) = (format!("access-1-{text}"), format!("refresh-1-{text}"));
    let commit = committed(store, &claim, answer(&access, &refresh, now), now).await;
    assert_eq!(commit, Commit::Stored(1));
    row(store, text).await
}

pub fn access_token(store: &Store, token: &Token) -> Option<String> {
    let opened = store.open_access_token(token).unwrap();
    opened.map(|secret| secret.expose().to_owned())
}

pub fn refresh_token(claimed: &Claimed) -> Option<&str> {
    claimed.refresh_token.as_ref().map(Secret::expose)
}
