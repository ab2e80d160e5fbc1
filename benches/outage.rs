//! `get` while the provider is down, beside `get` while all is well: the same processes, the same
//! worker at work beside them, which in the outage fails each time. And how long a row stays unwell
//! whose worker was killed.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
use suites::harness;

#[path = "../tests/programs/host.rs"]
mod host;
#[path = "../tests/programs/sql.rs"]
mod sql;
#[path = "../tests/programs/stage.rs"]
mod stage;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use harness::{
    databases::{Kind, each},
    wait::stopwatch,
};
use stage::{Stage, status};
use tokenkeeper_shared::store::LEASE;
use tokenkeeper_worker::sandbox::{Fault, Rotation, Settings};

fn main() {
    println!(
        "{GETS} whole processes each; a worker runs all the time, the row is due all the time"
    );
    for kind in each() {
        let stage = Stage::logged_in(kind, Settings::default());
        let mut well = Vec::new();
        let mut down = Vec::new();
        // In turn, so that both meet the same noise.
        for _ in 0..ROUNDS {
            stage.sandbox.every_answer(None);
            well.extend(gets(&stage));
            stage.sandbox.every_answer(Some(status(503)));
            down.extend(gets(&stage));
        }
        let (well, down) = (Figures::of(well), Figures::of(down));
        println!("{kind:10} all well       {}", well.line());
        println!("{kind:10} provider down  {}", down.line());
        let ratio = down.p99.as_secs_f64() / well.p99.as_secs_f64();
        println!("{kind:10} p99 in the outage: {ratio:.2} times that without");
    }
    println!("\na worker is killed while the provider answers; another runs every {INTERVAL:?}");
    thread::scope(|scope| {
        for kind in each() {
            scope.spawn(move || recovery(kind));
        }
    });
}

/// Prints how long after the kill the row has its next generation, by runs alone.
fn recovery(kind: Kind) {
    let rotation = Rotation::Grace(Duration::from_hours(1));
    let stage = Stage::logged_in(kind, Settings { rotation, ..Settings::default() });
    stage.sandbox.every_answer(Some(Fault::Hang { processed: true }));
    sql::make_due(&stage.database);
    let victim = stage.host.worker(&["run"]).spawn();
    let asked = || (stage.sandbox.counts().exchanges == 2).then_some(());
    harness::wait::until(Duration::from_secs(20), asked).expect("the provider is asked");
    victim.kill9();
    let killed = stopwatch();
    stage.sandbox.every_answer(None);
    while stage.host.status("quartile")["generation"] == 1 {
        thread::sleep(INTERVAL);
        stage.host.worker(&["run"]).run();
    }
    println!("{kind:10} healed {:.0?} after the kill (a lease lasts {LEASE:?})", killed.elapsed());
}

/// How long each `get` takes while a worker runs again and again.
fn gets(stage: &Stage) -> Vec<Duration> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                sql::make_due(&stage.database);
                stage.host.worker(&["run"]).run();
            }
        });
        let get = || {
            let got = stage.host.consumer(&["get", "quartile"]).run();
            assert_eq!(got.code, Some(0), "{got:?}");
            got.took
        };
        let took = (0..GETS / ROUNDS).map(|_| get()).collect();
        is_over.store(true, Ordering::Relaxed);
        took
    })
}

struct Figures {
    p50: Duration,
    p90: Duration,
    p99: Duration,
    max: Duration,
}

impl Figures {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }

    fn line(&self) -> String {
        let Self { p50, p90, p99, max } = self;
        format!("p50 {p50:5.1?}  p90 {p90:5.1?}  p99 {p99:5.1?}  max {max:5.1?}")
    }
}

const INTERVAL: Duration = Duration::from_secs(5);
const GETS: usize = 400;
const ROUNDS: usize = 4;
