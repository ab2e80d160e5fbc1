//! Rows, instants and configurations for the tests of `plan` and `aftermath`.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use tokenkeeper_shared::{
    clock, lifecycle,
    secret::Secret,
    settings::{SecretRef, TextOrRef},
    token::{Claimed, State, Token},
};
use url::Url;
use uuid::Uuid;

use crate::{
    config::TokenConfig,
    provider::{
        Provider, Transport,
        oauth2::{ClientAuth, Grant, OAuth2},
        quartile::Quartile,
    },
};

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many seconds after noon.
pub(crate) fn at(seconds: u64) -> DateTime<Utc> {
    clock::after(noon(), secs(seconds))
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn config(provider: Provider, replay_window: Duration) -> TokenConfig {
    TokenConfig { policy: lifecycle::RefreshPolicy::default(), replay_window, provider }
}

/// A provider with credentials.
pub(crate) fn with_login(replay_window: Duration) -> TokenConfig {
    let url = Url::parse("https://provider.test/auth/v2").unwrap();
    config(Provider::Quartile(Quartile::new(url, env("K"), env("U"), env("P"))), replay_window)
}

/// A provider whose first refresh token a human got elsewhere.
pub(crate) fn without_login(replay_window: Duration) -> TokenConfig {
    let oauth2 = OAuth2 {
        token_url: Url::parse("https://provider.test/token").unwrap(),
        grant: Grant::RefreshToken { first: env("F") },
        client_id: TextOrRef::Text("id".to_owned()),
        client_secret: None,
        client_auth: ClientAuth::Basic,
        parameters: BTreeMap::new(),
        transport: Transport::default(),
    };
    config(Provider::OAuth2(oauth2), replay_window)
}

/// A row in good health, claimed at noon, an hour before its token dies.
pub(crate) fn claimed() -> Claimed {
    let token = Token {
        state: State::Ok,
        generation: 7,
        token_type: "Bearer".to_owned(),
        scope: Some("read".to_owned()),
        access_token_expires: Some(at(3600)),
        refresh_token_expires: Some(at(86400)),
        updating: true,
        worker: Some("w".to_owned()),
        lease_until: Some(at(60)),
        last_success_at: Some(noon() - secs(3600)),
        ..Token::enrolled(Uuid::nil(), "quartile".parse().unwrap(), "quartile", noon())
    };
    let refresh_token = Some(Secret::new("stored"));
    Claimed { token, attempt: Uuid::nil(), refresh_token, forced: false }
}

pub(crate) fn changed(change: impl FnOnce(&mut Claimed)) -> Claimed {
    let mut claimed = claimed();
    change(&mut claimed);
    claimed
}

/// A row whose refresh token was spent without an answer so many times, the first time at noon.
pub(crate) fn uncertain(tries: i64) -> Claimed {
    changed(|row| {
        row.token.uncertain_since = Some(noon());
        row.token.uncertain_tries = tries;
    })
}

pub(crate) fn any_state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![State::New, State::Ok, State::NeedsLogin])
}

pub(crate) fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![any::<i64>().prop_map(clock::from_millis), (0u64..200_000).prop_map(at),]
}

prop_compose! {
    /// Rows as they can lie in the database, sensible or not.
    pub(crate) fn any_claimed()(
        state in any_state(),
        expires in proptest::option::of(any_instant()),
        refresh_expires in proptest::option::of(any_instant()),
        since in proptest::option::of(any_instant()),
        (tries, failures) in (0i64..5, prop_oneof![0i64..50, Just(i64::MAX)]),
        has_refresh_token in any::<bool>(),
    ) -> Claimed {
        changed(|row| {
            row.token.state = state;
            row.token.access_token_expires = expires;
            row.token.refresh_token_expires = refresh_expires;
            row.token.uncertain_since = since;
            row.token.uncertain_tries = tries;
            row.token.failures = failures;
            row.refresh_token = row.refresh_token.take().filter(|_| has_refresh_token);
        })
    }
}

pub(crate) fn any_config() -> impl Strategy<Value = TokenConfig> {
    (any::<bool>(), prop::sample::select(vec![NO_WINDOW, WINDOW, Duration::MAX])).prop_map(
        |(login, window)| {
            if login { with_login(window) } else { without_login(window) }
        },
    )
}

pub(crate) const NO_WINDOW: Duration = Duration::ZERO;
pub(crate) const WINDOW: Duration = Duration::from_secs(20);
