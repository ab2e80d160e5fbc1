//! A store with one token in it. Who asks for it is the benches' concern.

use std::time::Duration;

use tokenkeeper_shared::{
    clock,
    seal::{Seal, key::Keyring},
    secret::Secret,
    store::{Role, Store},
    token::{Claimed, NewAccessToken, NewTokens, RefreshTokenChange},
};

/// A token of twelve hours, sealed.
pub async fn keep_a_token(url: &str, ring: Keyring) {
    let store = open(url, ring);
    store.migrate().await.unwrap();
    let now = store.time().await.unwrap().now();
    store.enrol(&NAME.parse().unwrap(), "quartile", now).await.unwrap();
    let claim = claim(&store).await;
    commit(&store, &claim).await;
    store.close().await;
}

pub fn open(url: &str, ring: Keyring) -> Store {
    Store::open(url.parse().unwrap(), Seal::With(ring), Role::Worker).unwrap()
}

/// What a worker does before it asks the provider.
pub async fn claim(store: &Store) -> Claimed {
    let (row, now) = store.read(&NAME.parse().unwrap()).await.unwrap().unwrap();
    store.claim_named(&row, true, "bench", now).await.unwrap().unwrap().unwrap()
}

/// What it does after the answer.
pub async fn commit(store: &Store, claim: &Claimed) {
    let now = store.time().await.unwrap().now();
    let new = NewTokens {
        access: Some(NewAccessToken {
            token: Secret::new(TOKEN),
            token_type: "Bearer".to_owned(),
            scope: None,
            expires_at: clock::after(now, Duration::from_hours(12)),
            not_before: None,
        }),
        refresh_token: RefreshTokenChange::Replace(Secret::new("refresh-token")),
        refresh_token_expires: None,
        json_data: None,
        problem: None,
        login_at: None,
    };
    let due = clock::after(now, Duration::from_hours(11));
    let prepared = store.prepare(claim, &new, due, now).unwrap();
    store.commit(&prepared, now).await.unwrap();
}

pub const NAME: &str = "quartile";
pub const TOKEN: &str = "an-access-token-of-the-usual-kind-0123456789abcdef0123456789abcdef";
