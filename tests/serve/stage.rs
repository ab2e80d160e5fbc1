//! A server on a database with tokens in it, and keys to ask it with.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tempfile::TempDir;
use tokenkeeper_shared::{
    clock,
    name::TokenName,
    seal::{Seal, key::Keyring},
    secret::Secret,
    store::{Event, Role, Store},
    token::{NewAccessToken, NewTokens, RefreshTokenChange},
};
use tokio::runtime::Runtime;
use uuid::Uuid;

pub use super::server::{Server, bearer};
use crate::harness::{
    databases::{Database, Kind},
    keeper::free_port,
    programs::{Program, built},
};

/// A database with a schema, and a home with its key.
pub struct Stage {
    pub home: TempDir,
    pub url: String,
    _database: Option<Database>,
    key: String,
    runtime: Runtime,
}

impl Stage {
    pub fn on(kind: Kind) -> Self {
        let database = Database::fresh(kind);
        let url = database.url.clone();
        Self::of(url, Some(database))
    }

    /// On a server of the test's own.
    pub fn at(url: &str) -> Self {
        Self::of(url.to_owned(), None)
    }

    fn of(url: String, database: Option<Database>) -> Self {
        let home = tempfile::tempdir().expect("cannot make a directory");
        let key = Keyring::new_worker_key().expose().to_owned();
        let runtime = Runtime::new().expect("cannot make a runtime");
        let stage = Self { home, url, _database: database, key, runtime };
        stage.with_store(async |store| store.migrate().await.map(drop).unwrap());
        stage
    }

    /// A stage with the token `edfi`, generation 1, for an hour.
    pub fn with_token() -> Self {
        let stage = Self::on(Kind::Sqlite);
        stage.keep("edfi", HOUR);
        stage
    }

    /// Stores a token `access-NAME-GENERATION` that lives so long.
    pub fn keep(&self, name: &str, lifetime: Duration) {
        let name: TokenName = name.parse().unwrap();
        self.with_store(async |store| {
            let now = store.time().await.unwrap().now();
            store.enrol(&name, "example", now).await.unwrap();
            let (row, now) = store.read(&name).await.unwrap().unwrap();
            let claim = store.claim_named(&row, true, "test", now).await.unwrap().unwrap();
            let claim = claim.unwrap();
            let next = claim.token.generation + 1;
            let answer = answer(&name, next, clock::after(now, lifetime));
            let prepared = store.prepare(&claim, &answer, now, now).unwrap();
            store.commit(&prepared, now).await.unwrap();
        });
    }

    /// A row without an answer yet.
    pub fn enrol(&self, name: &str) {
        let name: TokenName = name.parse().unwrap();
        self.with_store(async |store| {
            let now = store.time().await.unwrap().now();
            store.enrol(&name, "example", now).await.unwrap();
        });
    }

    /// An attempt, as a worker tells of it.
    pub fn tried(&self, name: &str, outcome: &str) {
        self.tried_before(name, outcome, Duration::ZERO);
    }

    /// The same so long ago.
    pub fn tried_before(&self, name: &str, outcome: &str, ago: Duration) {
        self.with_store(async |store| {
            let event = Event {
                name: name.parse().unwrap(),
                at: clock::before(store.time().await.unwrap().now(), ago),
                worker: "test".to_owned(),
                attempt: Uuid::new_v4(),
                action: "refresh".to_owned(),
                outcome: outcome.to_owned(),
                generation: 1,
                duration: Duration::from_millis(1500),
                message: None,
            };
            store.record(&[event]).await.unwrap();
        });
    }

    /// A worker takes the row and does not end.
    pub fn claim(&self, name: &str) {
        let name: TokenName = name.parse().unwrap();
        self.with_store(async |store| {
            let (row, now) = store.read(&name).await.unwrap().unwrap();
            store.claim_named(&row, true, "test", now).await.unwrap().unwrap().unwrap();
        });
    }

    /// Runs a statement past the store, on SQLite.
    pub fn sql(&self, sql: &str) {
        self.runtime.block_on(async {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    pub fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> T) -> T {
        let seal = Seal::With(Keyring::parse(&Secret::new(&*self.key)).unwrap());
        self.runtime.block_on(async {
            let store = Store::open(self.url.parse().unwrap(), seal, Role::Worker).unwrap();
            let done = work(&store).await;
            store.close().await;
            done
        })
    }

    pub fn consumer(&self, arguments: &[&str]) -> Program {
        self.settled(Program::consumer(), arguments)
    }

    pub fn worker(&self, arguments: &[&str]) -> Program {
        self.settled(Program::worker(), arguments)
    }

    /// The consumer's environment for another program, which finds the consumer as `PROGRAM`.
    pub fn consumer_by(&self, program: &str, arguments: &[&str]) -> Program {
        let program = self.settled(Program::named(program), arguments);
        program.env("PROGRAM", built("tokenkeeper-consumer"))
    }

    fn settled(&self, program: Program, arguments: &[&str]) -> Program {
        program
            .at_home(self.home.path())
            .env("TOKENKEEPER_DATABASE_URL", &self.url)
            .env("TOKENKEEPER_KEY", &self.key)
            .args(arguments)
    }

    /// Makes a key for these names, and returns its text.
    pub fn new_key(&self, label: &str, arguments: &[&str]) -> String {
        let made = self.consumer(&[&["key", "new", label], arguments].concat()).run();
        assert_eq!(made.code, Some(0), "{made:?}");
        made.stdout.trim_end().to_owned()
    }

    pub fn keys_file(&self) -> PathBuf {
        self.home.path().join("config/tokenkeeper/service-keys.toml")
    }

    /// A server on a port of its own.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let arguments = [&["serve", "--listen", &listen], arguments].concat();
        let running = self.consumer(&arguments).spawn();
        let server = Server { running: Some(running), port };
        server.wait_until_it_listens();
        server
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("cannot write a file");
        path
    }
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn answer(name: &TokenName, generation: i64, expires_at: DateTime<Utc>) -> NewTokens {
    NewTokens {
        access: Some(NewAccessToken {
            token: Secret::new(format!("access-{name}-{generation}")),
            token_type: "Bearer".to_owned(),
            scope: Some("read".to_owned()),
            expires_at,
            not_before: None,
        }),
        refresh_token: RefreshTokenChange::Replace(Secret::new("refresh-canary")),
        refresh_token_expires: None,
        json_data: None,
        problem: None,
        login_at: None,
    }
}

pub const HOUR: Duration = Duration::from_secs(3600);
