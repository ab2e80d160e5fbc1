//! `tokenkeeper-worker daemon` for ten minutes over 1,000 tokens that live for a minute each: how near to its end any
//! of them came, what the provider was asked for, and the daemon's memory.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[expect(dead_code, reason = "nothing is changed here")]
#[path = "support/plain_sql.rs"]
mod plain_sql;

use std::{fmt::Write, fs, time::Duration};

use suites::harness::{
    databases::{Database, Kind},
    programs::{Program, Running},
    wait::{stopwatch, until},
};
use tokenkeeper_shared::{seal::key::Keyring, secret::Secret};
use tokenkeeper_worker::sandbox::{Credentials, Sandbox, Settings};

#[tokio::main]
async fn main() {
    let settings = Settings { access_lifetime: LIFE, ..Settings::default() };
    let sandbox = Sandbox::start(settings).await.unwrap();
    let database = Database::fresh(Kind::Postgres);
    let key = Keyring::new_worker_key();
    let migrated = worker(&sandbox, &database.url, &key).args(["migrate"]).run();
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    println!(
        "{TOKENS} tokens that live {} s, on {}",
        LIFE.as_secs(),
        plain_sql::about(database.kind, &database.url).await
    );
    let daemon = worker(&sandbox, &database.url, &key).args(["daemon"]).spawn();
    let began = stopwatch();
    while cell(&database, LOGGED_IN).await < i64::from(TOKENS) {
        tokio::time::sleep(PAUSE).await;
    }
    println!("all of them were there after {:.1} s", began.elapsed().as_secs_f64());
    let mut least = i64::MAX;
    for minute in 1..=MINUTES {
        let before = sandbox.counts();
        let (mut nearest, until) = (i64::MAX, stopwatch() + Duration::from_mins(1));
        while stopwatch() < until {
            nearest = nearest.min(cell(&database, NEAREST).await);
            tokio::time::sleep(PAUSE).await;
        }
        let after = sandbox.counts();
        least = least.min(nearest);
        println!(
            "minute {minute:2}: the nearest end {:5.1} s ahead, {} refreshes, {} logins, {} refused, {} replayed, resident {:.1} MB",
            seconds(nearest),
            after.refreshes - before.refreshes,
            after.logins - before.logins,
            after.refused - before.refused,
            after.replays - before.replays,
            resident(&daemon),
        );
    }
    let counts = sandbox.counts();
    println!(
        "in all: the nearest end {:.1} s ahead, {} logins, {:.2} refreshes a token and minute, {} refused, {} replayed",
        seconds(least),
        counts.logins,
        per_minute(counts.refreshes),
        counts.refused,
        counts.replays
    );
    end(daemon);
    sandbox.stop().await;
}

fn worker(sandbox: &Sandbox, url: &str, key: &Secret) -> Program {
    let program = Program::worker();
    let mut text = String::new();
    for number in 0..TOKENS {
        let table = format!(
            "[tokens.token-{number:04}]\nprovider = \"quartile\"\nbase_url = \"{}/auth\"\n\
             subscription_key = {{ env = \"KEY\" }}\nusername = {{ env = \"USERNAME\" }}\n\
             password = {{ env = \"PASSWORD\" }}\n",
            sandbox.url()
        );
        text.write_str(&table).unwrap();
    }
    let config = program.home().join("tokenkeeper.toml");
    fs::write(&config, text).unwrap();
    let credentials = Credentials::default();
    program
        .env("TOKENKEEPER_CONFIG", config)
        .env("TOKENKEEPER_KEY", key.expose())
        .env("DATABASE_URL", url)
        .env("KEY", credentials.subscription_key)
        .env("USERNAME", credentials.username)
        .env("PASSWORD", credentials.password)
}

async fn cell(database: &Database, sql: &str) -> i64 {
    plain_sql::text(database.kind, &database.url, sql).await.parse().unwrap()
}

fn end(mut daemon: Running) {
    daemon.signal("TERM");
    let ended = until(Duration::from_secs(30), || daemon.has_ended().then_some(()));
    println!("asked to end, it {}", if ended.is_some() { "did" } else { "did not" });
}

/// Linux's `VmRSS`, in megabytes.
fn resident(daemon: &Running) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_millis(kilobytes).as_secs_f64()
}

fn seconds(millis: i64) -> f64 {
    let of = Duration::from_millis(millis.unsigned_abs()).as_secs_f64();
    if millis < 0 { -of } else { of }
}

fn per_minute(refreshes: u64) -> f64 {
    f64::from(u32::try_from(refreshes).unwrap()) / f64::from(TOKENS) / f64::from(MINUTES)
}

const TOKENS: u32 = 1_000;
const LIFE: Duration = Duration::from_mins(1);
const MINUTES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(250);
const LOGGED_IN: &str = "SELECT COUNT(*) FROM tokens WHERE generation > 0";
/// Milliseconds that the token has left which has least.
const NEAREST: &str = "SELECT CAST(MIN(access_token_expires) - EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint) FROM tokens";
