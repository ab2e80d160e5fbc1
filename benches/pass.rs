//! One pass over 10,000 due rows against the sandbox provider: refreshes per second, statements per
//! row, and the memory of the process that does it, on each database and on durable servers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/durable.rs"]
mod durable;
#[path = "support/one_pass.rs"]
mod one_pass;
#[path = "support/plain_sql.rs"]
mod plain_sql;

use std::time::Duration;

use durable::Durable;
use one_pass::OnePass;
use suites::harness::databases::{Database, Kind, each};
use tokenkeeper_shared::{
    seal::{Seal, key::Keyring},
    store::{Role, Store},
};
use tokenkeeper_worker::sandbox::{Sandbox, Settings};

fn main() {
    if !one_pass::was_asked_for() {
        tokio::runtime::Runtime::new().unwrap().block_on(bench());
    }
}

async fn bench() {
    println!(
        "{TOKENS} due rows, provider without latency in the bench's own process, \
         {ROUNDS} passes each (target on PostgreSQL: 1,000 refreshes/s on two cores, \
         at most three statements a row)"
    );
    for kind in each() {
        measure(kind, &Database::fresh(kind).url).await;
    }
    for kind in [Kind::Postgres, Kind::MySql] {
        let server = Durable::start(kind).await;
        measure(server.kind, &server.url).await;
    }
}

async fn measure(kind: Kind, url: &str) {
    let key = Keyring::new_worker_key();
    let ring = Keyring::parse(&key).unwrap();
    let store = Store::open(url.parse().unwrap(), Seal::With(ring), Role::Worker).unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    println!("\n{}", plain_sql::about(kind, url).await);
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    let pass = |per_host| OnePass {
        database: url,
        sandbox: &sandbox,
        key: &key,
        tokens: TOKENS,
        per_host,
        deadline: DEADLINE,
    };
    one(kind, url, "first logins, per_host 16", &pass(PER_HOST[0])).await;
    let mut rates = PER_HOST.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (per_host, rates) in PER_HOST.iter().zip(&mut rates) {
            plain_sql::run(kind, url, "UPDATE tokens SET refresh_at = 0").await;
            let what = format!("refreshes, per_host {per_host}");
            rates.push(one(kind, url, &what, &pass(*per_host)).await);
        }
    }
    let [few, many] = rates.map(median);
    let ([a, b], times) = (PER_HOST, many / few);
    println!(
        "medians: per_host {a} {few:.0}/s, per_host {b} {many:.0}/s, {times:.2} times as many"
    );
    sandbox.stop().await;
}

/// Does one pass, prints its line, and returns its rate.
async fn one(kind: Kind, url: &str, what: &str, pass: &OnePass<'_>) -> f64 {
    let before = statements(kind, url).await;
    let passed = pass.run();
    let a_row = match (before, statements(kind, url).await) {
        (Some(before), Some(after)) => {
            let during = u32::try_from(after - before).unwrap();
            format!("{:5.2} statements/row", f64::from(during) / passed.kept())
        }
        _ => "statements not counted".to_owned(),
    };
    println!(
        "{what:26} {:5.0}/s  {a_row}  peak {:4.1} MB  \
         ({} refreshed, {} logged in, {} failed, {:.2} s)",
        passed.rate(),
        passed.megabytes(),
        passed.refreshed,
        passed.logged_in,
        passed.failed,
        passed.took.as_secs_f64()
    );
    passed.rate()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// How many statements the server has seen, each of which is a transaction here; a preparation
/// counts as one on PostgreSQL, a ping on neither.
async fn statements(kind: Kind, url: &str) -> Option<i64> {
    let sql = match kind {
        Kind::Sqlite => return None,
        Kind::Postgres => {
            "SELECT xact_commit + xact_rollback FROM pg_stat_database \
             WHERE datname = current_database()"
        }
        Kind::MySql => {
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
             WHERE VARIABLE_NAME = 'QUESTIONS'"
        }
    };
    // PostgreSQL's sessions hand their counts in when they end, a moment after their client.
    tokio::time::sleep(HANDING_IN).await;
    plain_sql::text(kind, url, sql).await.parse().ok()
}

const TOKENS: u32 = 10_000;
const ROUNDS: usize = 3;
/// The default, and four times that.
const PER_HOST: [u16; 2] = [16, 64];
const DEADLINE: Duration = Duration::from_secs(300);
const HANDING_IN: Duration = Duration::from_secs(1);
