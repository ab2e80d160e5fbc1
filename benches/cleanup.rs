//! Deleting the dead half of 1,000,000 rows, with an application beside it that inserts and reads a token every
//! 2 ms: `cleanup --apply`, and what else could be done. Then larger tables, and one that the database has no
//! memory for.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
use suites::harness;

#[path = "support/application.rs"]
mod application;
#[path = "support/dead_rows.rs"]
mod dead_rows;
#[path = "support/deleting.rs"]
mod deleting;
#[path = "support/durable.rs"]
mod durable;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/plain_sql.rs"]
mod plain_sql;
#[path = "../tests/cleanup/tables.rs"]
mod tables;

use std::{
    hint,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use application::Application;
use dead_rows::{Case, DJANGO, ED_FI, Source, WSO2};
use deleting::{Done, Way};
use durable::Durable;
use figures::{Figures, millis, ratio};
use harness::{databases::Kind, wait::stopwatch};

#[tokio::main]
async fn main() {
    // All, or those whose policies are named: `cargo bench --bench cleanup -- edfi-ods log pool larger`.
    let named: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|word| word == name);
    if is_wanted(WSO2.policy) {
        let mariadb = Durable::start(Kind::MySql).await;
        compare(&mariadb, &WSO2, &Way::of_mariadb()).await;
    }
    if is_wanted("log") {
        println!("\nMariaDB with a redo log of 96 MB, its own choice");
        let mariadb = Durable::with_log(Kind::MySql, "96M").await;
        compare(&mariadb, &WSO2, &Way::FEW).await;
    }
    if is_wanted("pool") {
        let mariadb = Durable::start(Kind::MySql).await;
        let source = WSO2.source(&mariadb, ROWS).await;
        // A sixth of what the table takes.
        less_memory(&mariadb.url, 128 << 20).await;
        println!("\nMariaDB with a buffer pool of 128 MB, without the application");
        alone(&mariadb, &source, ROWS).await;
    }
    let postgres = Durable::start(Kind::Postgres).await;
    if is_wanted(ED_FI.policy) {
        compare(&postgres, &ED_FI, &Way::of_postgres()).await;
    }
    if is_wanted(DJANGO.policy) {
        compare(&postgres, &DJANGO, &Way::of_django()).await;
    }
    if is_wanted("larger") {
        println!("\nPostgreSQL, without the application");
        for rows in [1_000_000, 10_000_000] {
            let source = ED_FI.source(&postgres, rows).await;
            alone(&postgres, &source, rows).await;
        }
    }
}

/// Each way on a fresh table; the first is what the others are held against.
async fn compare(server: &Durable, case: &'static Case, ways: &[Way]) {
    println!("\n{}, {}, {ROWS} rows", case.name, plain_sql::about(server.kind, &server.url).await);
    println!("{:44} {:>7} {:>6}  what the application waits", "", "seconds", "MB");
    let source = case.source(server, ROWS).await;
    let url = source.copy(server).await;
    let application = Application::start(server.kind, &url, case, 0);
    tokio::time::sleep(IDLE).await;
    let idle = application.stop();
    println!("{:44} {:>7} {:>6}  {}", "nothing", "", "", idle.line());
    let busy = beside_busy_cores(server, case, &url);
    println!("{:44} {:>7} {:>6}  {}", "no clean-up, but all cores busy", "", "", busy.line());
    let mut ours = None;
    for way in ways {
        let url = source.copy(server).await;
        let application = Application::start(server.kind, &url, case, 0);
        let done = way.run(server, case, &url).await;
        let waits = application.stop();
        let Some(done) = done else {
            println!("{:44} not measured: the program is not there", way.name());
            continue;
        };
        println!("{}  {}", line(way.name(), &done), waits.line());
        let purged = afterwards(server, case, &url).await;
        assert_eq!(case.dead(server.kind, &url).await, 0, "{} leaves nothing", way.name());
        let all = done.took + purged;
        let (ours, all_ours) = *ours.get_or_insert((done.took, all));
        let with_purging = format!(", {:.2} with purging", ratio(all, all_ours));
        println!(
            "{:44} {:.2} times ours{}; the median wait {:.2}, p99 {:.2} times that of nothing",
            "",
            ratio(done.took, ours),
            if server.kind == Kind::MySql { &with_purging } else { "" },
            ratio(waits.median(), idle.median()),
            ratio(waits.percentile(99), idle.percentile(99))
        );
    }
}

/// What the application waits for the processor alone: on two cores a cleaner and the server's own purging are
/// two that work.
fn beside_busy_cores(server: &Durable, case: &Case, url: &str) -> Figures {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let application = Application::start(server.kind, url, case, BUSY);
        thread::sleep(IDLE);
        let waits = application.stop();
        is_over.store(true, Ordering::Relaxed);
        waits
    })
}

/// How long MariaDB goes on until it has taken what was deleted out of its pages and indexes, and what the
/// application waits meanwhile; PostgreSQL does nothing of the kind by itself.
async fn afterwards(server: &Durable, case: &Case, url: &str) -> Duration {
    if server.kind != Kind::MySql {
        return Duration::ZERO;
    }
    let application = Application::start(server.kind, url, case, AFTERWARDS);
    let began = stopwatch();
    let last = transaction(url, "Trx id counter ").await;
    while transaction(url, "Purge done for trx's n:o < ").await < last {
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    let waits = application.stop();
    let name = "  purging afterwards";
    println!("{name:44} {:7.2} {:>6}  {}", took.as_secs_f64(), "", waits.line());
    took
}

/// The number of a transaction that MariaDB tells behind these words.
async fn transaction(url: &str, words: &str) -> u64 {
    let status = plain_sql::rows(Kind::MySql, url, "SHOW ENGINE INNODB STATUS", &[2]).await;
    let status = status.concat().concat();
    let (_, behind) = status.split_once(words).unwrap();
    behind.split_whitespace().next().unwrap().parse().unwrap()
}

async fn alone(server: &Durable, source: &Source, rows: u32) {
    let case = source.case;
    // What the database itself takes for so many rows: its log and its memory are no more linear than that.
    for way in [Way::Ours { is_kept: false }, Way::OneDelete] {
        let url = source.copy(server).await;
        let done = way.run(server, case, &url).await.unwrap();
        println!("{}  {}, {rows} rows", line(way.name(), &done), case.name);
    }
}

fn line(name: &str, done: &Done) -> String {
    let longest = done.longest_batch.map(|took| format!(", longest batch {:.0} ms", millis(took)));
    let name = format!("{name}{}", longest.unwrap_or_default());
    format!("{name:44} {:7.2} {:6.1}", done.took.as_secs_f64(), done.megabytes)
}

async fn less_memory(url: &str, bytes: u64) {
    let sql = format!("SET GLOBAL innodb_buffer_pool_size = {bytes}");
    plain_sql::run(Kind::MySql, url, &sql).await;
    tokio::time::sleep(RESIZING).await;
}

/// The first token's number of an application beside busy cores.
const BUSY: u32 = 2_000_000_000;
const LOOK: Duration = Duration::from_millis(100);
/// The first token's number of an application that goes on.
const AFTERWARDS: u32 = 1_000_000_000;
const ROWS: u32 = 1_000_000;
const IDLE: Duration = Duration::from_secs(5);
const RESIZING: Duration = Duration::from_secs(5);
