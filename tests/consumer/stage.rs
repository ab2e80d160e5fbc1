//! What a test of the library needs: a store with a token in it, a consumer of its own, and a server
//! that may die.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, Executor, MySqlConnection, PgConnection, SqliteConnection};
use tokenkeeper_consumer::{AccessToken, Consumer, Error, Request, TokenName, WhileUpdating};
use tokenkeeper_shared::{
    clock,
    seal::{Seal, key::Keyring},
    secret::Secret,
    settings::{Environment, Settings},
    store::{Role, Store},
    token::{Claimed, NewAccessToken, NewTokens, RefreshTokenChange},
};

use crate::harness::databases::Kind;

/// A database with a schema, seen by a worker's store and a consumer.
pub struct Stage {
    pub consumer: Consumer,
    pub url: String,
    key: String,
}

impl Stage {
    pub async fn on(url: &str) -> Self {
        let (key, url) = (Keyring::new_worker_key().expose().to_owned(), url.to_owned());
        store(&url, &key).migrate().await.unwrap();
        Self { consumer: consumer(&url, &key, Duration::ZERO), url, key }
    }

    /// Another consumer of the same database, which has handed out nothing yet.
    pub fn another_consumer(&self) -> Consumer {
        consumer(&self.url, &self.key, Duration::ZERO)
    }

    /// One that answers from memory for so long.
    pub fn remembering_consumer(&self, max_staleness: Duration) -> Consumer {
        consumer(&self.url, &self.key, max_staleness)
    }

    pub fn settings(&self) -> Settings {
        settings(&self.url, &self.key)
    }

    /// Stores a token `access-GENERATION` that lives so long.
    pub async fn keep(&self, lifetime: Duration) {
        let store = self.store();
        let now = store.time().await.unwrap().now();
        store.enrol(&name(), "example", now).await.unwrap();
        let claim = claimed(&store).await;
        let next = claim.token.generation + 1;
        let prepared = store.prepare(&claim, &answer(next, clock::after(now, lifetime)), now, now);
        store.commit(&prepared.unwrap(), now).await.unwrap();
        store.close().await;
    }

    /// A worker takes the row and does not end.
    pub async fn claim(&self) {
        claimed(&self.store()).await;
    }

    fn store(&self) -> Store {
        store(&self.url, &self.key)
    }

    pub async fn ask(&self, wait: Duration) -> Result<AccessToken, Error> {
        ask(&self.consumer, wait).await
    }
}

/// Runs a statement past the store.
pub async fn run(kind: Kind, url: &str, sql: &'static str) {
    match kind {
        Kind::Sqlite => {
            SqliteConnection::connect(url).await.unwrap().execute(sql).await.map(drop).unwrap();
        }
        Kind::Postgres => {
            PgConnection::connect(url).await.unwrap().execute(sql).await.map(drop).unwrap();
        }
        Kind::MySql => {
            MySqlConnection::connect(url).await.unwrap().execute(sql).await.map(drop).unwrap();
        }
    }
}

pub async fn ask(consumer: &Consumer, wait: Duration) -> Result<AccessToken, Error> {
    let request = Request { min_ttl: Duration::ZERO, wait, while_updating: WhileUpdating::Wait };
    consumer.get(&name(), request).await
}

/// Whether the database could not be asked.
pub fn is_outage(error: &Error) -> bool {
    matches!(error, Error::Store(error) if error.is_transient())
}

/// A worker's store. A new one each time: its connections do not outlive a server.
fn store(url: &str, key: &str) -> Store {
    let seal = Seal::With(Keyring::parse(&Secret::new(key)).unwrap());
    Store::open(url.parse().unwrap(), seal, Role::Worker).unwrap()
}

fn settings(url: &str, key: &str) -> Settings {
    // A named file: another in the usual places must not count.
    let file = tempfile::NamedTempFile::new().unwrap();
    let pairs = [("TOKENKEEPER_DATABASE_URL", url), ("TOKENKEEPER_KEY", key)];
    Settings::load(&Environment::of(pairs), Some(file.path().into())).unwrap()
}

/// Questions go to the database each time, unless a bound is given.
fn consumer(url: &str, key: &str, max_staleness: Duration) -> Consumer {
    Consumer::with_max_staleness(settings(url, key), max_staleness).unwrap()
}

async fn claimed(store: &Store) -> Claimed {
    let (row, now) = store.read(&name()).await.unwrap().unwrap();
    store.claim_named(&row, true, "test", now).await.unwrap().unwrap().unwrap()
}

pub fn name() -> TokenName {
    "quartile".parse().unwrap()
}

fn answer(generation: i64, expires_at: DateTime<Utc>) -> NewTokens {
    NewTokens {
        access: Some(NewAccessToken {
            token: Secret::new(format!("access-{generation}")),
            token_type: "Bearer".to_owned(),
            scope: None,
            expires_at,
            not_before: None,
        }),
        refresh_token: RefreshTokenChange::Replace(Secret::new(format!("refresh-{generation}"))),
        refresh_token_expires: None,
        json_data: None,
        problem: None,
        login_at: None,
    }
}

pub const HOUR: Duration = Duration::from_secs(3600);
