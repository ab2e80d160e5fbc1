//! How long it takes to look for due rows and to claim 64 of them, in tables of 1,000 to 1,000,000
//! rows of which 1,000 are due; and which plans the databases choose.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/figures.rs"]
mod figures;
#[path = "support/many_rows.rs"]
mod many_rows;
#[path = "support/plain_sql.rs"]
mod plain_sql;

use std::time::Duration;

use chrono::{DateTime, Utc};
use figures::{Figures, ratio};
use many_rows::{ManyRows, settle};
use suites::harness::{
    databases::{Database, Kind, each},
    wait::stopwatch,
};
use tokenkeeper_shared::{
    seal::Seal,
    store::{DueCursor, Role, Store},
};

#[tokio::main]
async fn main() {
    for kind in each() {
        let database = Database::fresh(kind);
        let url = database.url.parse().unwrap();
        let store = Store::open(url, Seal::Off, Role::Worker).unwrap();
        store.migrate().await.unwrap();
        println!("\n{}", plain_sql::about(kind, &database.url).await);
        let now = store.time().await.unwrap().now();
        grow_and_measure(&database, &store, now).await;
        store.close().await;
    }
}

async fn grow_and_measure(database: &Database, store: &Store, now: DateTime<Utc>) {
    let (kind, url) = (database.kind, database.url.as_str());
    let (mut present, mut smallest) = (0, None);
    for size in SIZES {
        plain_sql::run(kind, url, &growth(kind, present..size, now)).await;
        plain_sql::run(kind, url, settle(kind)).await;
        present = size;
        let (looks, claims) = measure(database, store, now).await;
        println!("{size:>9} rows: due   {}", looks.line());
        println!("                claim {}", claims.line());
        let sum = looks.median() + claims.median();
        let first = *smallest.get_or_insert(sum);
        println!("                both, p50: {:.2} times the smallest table's", ratio(sum, first));
        for (what, sql) in explained(kind, now) {
            println!("                {what}: {}", plan(kind, url, &sql).await);
        }
    }
}

/// The first thousand rows are due, all others an hour later at the earliest.
fn growth(kind: Kind, numbers: std::ops::Range<u32>, now: DateTime<Utc>) -> String {
    let is_due = numbers.start == 0;
    let now = now.timestamp_millis();
    let rows = ManyRows {
        prefix: "row",
        numbers,
        state: "ok",
        due: if is_due { now - HOUR } else { now + HOUR },
        over: HOUR,
    };
    rows.insert(kind)
}

async fn measure(database: &Database, store: &Store, now: DateTime<Utc>) -> (Figures, Figures) {
    let (mut looks, mut claims) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for _ in 0..CLAIMS_A_ROUND {
            let (look, claim) = look_and_claim(store, now).await;
            // The first round warms up.
            if round > 0 {
                looks.push(look);
                claims.push(claim);
            }
        }
        plain_sql::run(database.kind, &database.url, FREE_ALL).await;
    }
    (Figures::of(looks), Figures::of(claims))
}

async fn look_and_claim(store: &Store, now: DateTime<Utc>) -> (Duration, Duration) {
    let began = stopwatch();
    let page = store.due(now, DueCursor::default(), PAGE).await.unwrap();
    let looked = began.elapsed();
    let ids: Vec<_> = page.iter().take(BATCH).map(|due| due.id).collect();
    let claimed = store.claim(&ids, "bench", now).await.unwrap();
    let claim = began.elapsed() - looked;
    assert!(claimed.len() == ids.len() && !ids.is_empty());
    (looked, claim)
}

/// The statements of `Store::due` and `Store::claim`, written out.
fn explained(kind: Kind, now: DateTime<Utc>) -> [(&'static str, String); 2] {
    let now = now.timestamp_millis();
    let id = |number: usize| match kind {
        Kind::Sqlite => format!("x'{number:032x}'"),
        Kind::Postgres => format!("'{number:032x}'::uuid"),
        Kind::MySql => format!("UNHEX('{number:032x}')"),
    };
    let free = format!("(updating = FALSE OR lease_until IS NULL OR lease_until <= {now})");
    let due = format!(
        "SELECT id, name, refresh_at FROM tokens WHERE refresh_at <= {now} AND refresh_at >= -1 \
         AND NOT (refresh_at = -1 AND id <= {}) AND state IN ('new', 'ok') AND {free} \
         ORDER BY refresh_at, id LIMIT {PAGE}",
        id(0)
    );
    let ids: Vec<_> = (0..BATCH).map(id).collect();
    let claim = format!(
        "UPDATE tokens SET updating = TRUE WHERE {free} AND refresh_at <= {now} \
         AND state IN ('new', 'ok') AND id IN ({})",
        ids.join(", ")
    );
    [("due by", due), ("claim by", claim)]
}

/// The plan's line about the table: how it is reached, and by which index.
async fn plan(kind: Kind, url: &str, sql: &str) -> String {
    let (explain, columns): (_, &[usize]) = match kind {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", &[3]),
        Kind::Postgres => ("EXPLAIN", &[0]),
        // Access, the index taken, rows, and remarks.
        Kind::MySql => ("EXPLAIN", &[3, 5, 8, 9]),
    };
    let rows = plain_sql::rows(kind, url, &format!("{explain} {sql}"), columns).await;
    let lines: Vec<_> = rows.into_iter().map(|row| row.join(", ")).collect();
    let about_access = |line: &&String| kind != Kind::Postgres || line.contains("Scan");
    let lines = lines.iter().filter(about_access);
    lines.map(|line| line.trim()).collect::<Vec<_>>().join(" | ")
}

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const HOUR: i64 = 3_600_000;
const FREE_ALL: &str = "UPDATE tokens SET updating = FALSE, attempt_id = NULL, worker = NULL, \
     lease_until = NULL WHERE updating AND attempt_id IS NOT NULL";
/// As many rows as the pass reads and claims at once.
const PAGE: u16 = 256;
const BATCH: usize = 64;
const CLAIMS_A_ROUND: usize = 15;
const ROUNDS: usize = 7;
