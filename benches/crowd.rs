//! A pass over a table of 1,000,000 due rows that are somebody else's and 1,000 that are ours: how
//! long it takes, and the peak memory of the process that does it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/many_rows.rs"]
mod many_rows;
#[path = "support/one_pass.rs"]
mod one_pass;
#[path = "support/plain_sql.rs"]
mod plain_sql;

use std::time::Duration;

use many_rows::{ManyRows, settle};
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
        "{STRANGERS} due rows of nobody, {OURS} of ours (target: under 100 MB); \
         a pass ends by its deadline of {} s",
        DEADLINE.as_secs()
    );
    for kind in each() {
        measure(kind, &Database::fresh(kind).url).await;
    }
}

async fn measure(kind: Kind, url: &str) {
    let key = Keyring::new_worker_key();
    let ring = Keyring::parse(&key).unwrap();
    let store = Store::open(url.parse().unwrap(), Seal::With(ring), Role::Worker).unwrap();
    store.migrate().await.unwrap();
    println!("\n{}", plain_sql::about(kind, url).await);
    let now = store.time().await.unwrap().now().timestamp_millis();
    store.close().await;
    let strangers =
        ManyRows { prefix: "row", numbers: 0..STRANGERS, state: "ok", due: now - HOUR, over: HOUR };
    plain_sql::run(kind, url, &strangers.insert(kind)).await;
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    for (place, due, over) in [
        ("before them", now - 2 * HOUR, HOUR),
        ("among them", now - HOUR, HOUR),
        ("behind them", now, 1),
    ] {
        let ours = ManyRows { prefix: "token", numbers: 0..OURS, state: "new", due, over };
        plain_sql::run(kind, url, "DELETE FROM tokens WHERE name LIKE 'token-%'").await;
        plain_sql::run(kind, url, &ours.insert(kind)).await;
        plain_sql::run(kind, url, settle(kind)).await;
        let pass = OnePass {
            database: url,
            sandbox: &sandbox,
            key: &key,
            tokens: OURS,
            per_host: PER_HOST,
            deadline: DEADLINE,
        };
        let passed = pass.run();
        println!(
            "ours due {place:12} {:4} of {OURS} kept, {} failed, in {:7.2} s, {:6.0}/s, peak {:5.1} MB",
            passed.kept(),
            passed.failed,
            passed.took.as_secs_f64(),
            passed.rate(),
            passed.megabytes()
        );
    }
    sandbox.stop().await;
}

const STRANGERS: u32 = 1_000_000;
const OURS: u32 = 1_000;
const HOUR: i64 = 3_600_000;
/// The default.
const PER_HOST: u16 = 16;
const DEADLINE: Duration = Duration::from_secs(60);
