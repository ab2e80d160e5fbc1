//! Where a test of the contract runs: each database, stores on it, and a way around them by plain SQL.
//! What is put into the stores is in `keeping`.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use sqlx::{
    AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, SqliteConnection,
    raw_sql,
};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::seal::key::Keyring;
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{Role, Store};

use crate::harness::databases::{Database, Kind, each};

/// Runs the test on every kind of database, each time on a fresh one; names all that it fails on.
pub fn on_each(test: impl AsyncFn(Ground) + Sync) {
    on(&each(), test);
}

/// As `on_each`, for what only some kinds have.
pub fn on(kinds: &[Kind], test: impl AsyncFn(Ground) + Sync) {
    let test = &test;
    let ends: Vec<_> = thread::scope(|scope| {
        let start = |kind: &Kind| {
            let kind = *kind;
            // A thread's name stands in front of what it says when it panics.
            let thread = thread::Builder::new().name(kind.to_string());
            let run = move || Runtime::new().unwrap().block_on(test(Ground::new(kind)));
            (kind, thread.spawn_scoped(scope, run).unwrap())
        };
        let runs: Vec<_> = kinds.iter().map(start).collect();
        let end = |(kind, run): (Kind, thread::ScopedJoinHandle<'_, ()>)| {
            run.join().err().map(|panic| format!("on {kind}: {}", words(panic)))
        };
        runs.into_iter().filter_map(end).collect()
    });
    assert!(ends.is_empty(), "{}", ends.join("\n"));
}

fn words(panic: Box<dyn Any + Send>) -> String {
    let panic = match panic.downcast::<String>() {
        Ok(words) => return *words,
        Err(panic) => panic,
    };
    match panic.downcast::<&str>() {
        Ok(words) => (*words).to_owned(),
        Err(panic) => resume_unwind(panic),
    }
}

/// A fresh database without a schema, and a key for it.
pub struct Ground {
    pub database: Database,
    pub key: Secret,
    pub ring: Keyring,
}

/// Runs one body on a new connection of the database's kind.
macro_rules! on_connection {
    ($database:expr, $connection:ident => $body:expr) => {
        match $database.kind {
            Kind::Sqlite => {
                let mut $connection = SqliteConnection::connect(&$database.url).await.unwrap();
                $body
            }
            Kind::Postgres => {
                let mut $connection = PgConnection::connect(&$database.url).await.unwrap();
                $body
            }
            Kind::MySql => {
                let mut $connection = MySqlConnection::connect(&$database.url).await.unwrap();
                $body
            }
        }
    };
}

impl Ground {
    fn new(kind: Kind) -> Self {
        let key = Keyring::new_worker_key();
        Self { database: Database::fresh(kind), ring: Keyring::parse(&key).unwrap(), key }
    }

    pub fn kind(&self) -> Kind {
        self.database.kind
    }

    /// A worker's store, which seals.
    pub fn open(&self) -> Store {
        self.open_with(Seal::With(self.ring.clone()), Role::Worker)
    }

    pub fn open_with(&self, seal: Seal, role: Role) -> Store {
        Store::open(self.database.url.parse().unwrap(), seal, role).unwrap()
    }

    /// A worker's store, which seals, on a database with its schema.
    pub async fn store(&self) -> Store {
        let store = self.open();
        store.migrate().await.unwrap();
        store
    }

    /// A worker's store that keeps everything in clear, on a database with its schema.
    pub async fn store_in_clear(&self) -> Store {
        let store = self.open_with(Seal::Off, Role::Worker);
        store.migrate().await.unwrap();
        store
    }

    /// Runs SQL past the store.
    pub async fn run(&self, sql: &str) {
        let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
        on_connection!(self.database, connection => {
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// What SQL past the store finds, every value as text.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
        on_connection!(self.database, connection => {
            let rows = connection.fetch_all(sql).await.unwrap();
            connection.close().await.unwrap();
            let text = |row: &_, at| Row::try_get_unchecked(row, at).unwrap();
            rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
        })
    }

    /// The one value that SQL past the store finds.
    pub async fn cell(&self, sql: &str) -> Option<String> {
        self.rows(sql).await.remove(0).remove(0)
    }

    /// A name's whole row as it lies there, but for its key and the attempt's mark.
    pub async fn row_text(&self, name: &str) -> Vec<Option<String>> {
        let sql = format!("SELECT {COLUMNS} FROM tokens WHERE name = '{name}'");
        self.rows(&sql).await.remove(0)
    }
}

/// Does the same on `count` tasks that start together.
pub async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let gate = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (gate, task) = (gate.clone(), task(number));
        tasks.spawn(async move {
            gate.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}

const COLUMNS: &str = "name, provider, state, generation, access_token, token_type, scope, \
     access_token_expires, refresh_token, refresh_token_previous, refresh_token_expires, \
     not_before, refresh_at, updating, attempt_id IS NULL, worker, lease_until, uncertain_since, \
     uncertain_tries, failures, next_attempt_at, last_error_class, last_error, last_error_at, \
     last_success_at, json_data, created_at, updated_at";
