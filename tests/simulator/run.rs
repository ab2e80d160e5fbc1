//! Many schedules: on two threads, counted, and the first violation told with its seed and trace.

use std::{fmt, sync::OnceLock, thread};

use tokenkeeper_shared::{
    seal::Seal,
    store::{Role, Store},
};
use tokio::runtime::Runtime;

use crate::{
    rules::Rules,
    schedule::{self, Ended},
};

/// What many schedules came to.
#[derive(Debug, Default)]
pub struct Counts {
    pub schedules: u64,
    pub turns: u64,
    pub commits: u64,
    pub faults: u64,
    pub most_calls: usize,
    pub waiting_for_human: u64,
    pub lost_by_distance: u64,
    pub violated: Option<Ended>,
}

impl Counts {
    fn add(&mut self, ended: Ended) {
        self.schedules += 1;
        self.turns += ended.turns;
        self.commits += ended.commits;
        self.faults += ended.faults;
        self.most_calls = self.most_calls.max(ended.most_calls);
        self.waiting_for_human += u64::from(ended.waits_for_human);
        self.lost_by_distance += u64::from(ended.is_lost_by_distance);
        if ended.violation.is_some() {
            self.violated = Some(ended);
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.schedules += other.schedules;
        self.turns += other.turns;
        self.commits += other.commits;
        self.faults += other.faults;
        self.most_calls = self.most_calls.max(other.most_calls);
        self.waiting_for_human += other.waiting_for_human;
        self.lost_by_distance += other.lost_by_distance;
        self.violated = self.violated.or(other.violated);
        self
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} schedules, {} steps, {} faults, {} commits, {} ended with a call for a human, \
             {} of them though the answer lay in a journal, at most {} requests for a row in an hour",
            self.schedules,
            self.turns,
            self.faults,
            self.commits,
            self.waiting_for_human,
            self.lost_by_distance,
            self.most_calls
        )
    }
}

/// Runs `count` schedules from `base` on, on two threads; each stops at its first violation.
pub fn many(base: u64, count: u64) -> Counts {
    let half = |offset: u64| {
        let mut counts = Counts::default();
        for seed in (base + offset..base + count).step_by(2) {
            counts.add(schedule::run(seed, Rules::ALL, sealing(), false));
            if counts.violated.is_some() {
                break;
            }
        }
        counts
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0).join(other.join().unwrap())
    })
}

/// The first violation in at most `bound` schedules, and after how many.
pub fn first_violation(base: u64, bound: u64, rules: Rules) -> Option<(u64, Ended)> {
    (0..bound).find_map(|at| {
        let ended = schedule::run(base + at, rules, sealing(), false);
        ended.violation.is_some().then_some((at + 1, ended))
    })
}

/// The violation of a seed, with what led there.
pub fn told(seed: u64, rules: Rules) -> String {
    let ended = schedule::run(seed, rules, sealing(), true);
    let trace = ended.trace.join("\n");
    match ended.violation {
        Some(violation) => {
            format!("seed {seed}: {}: {}\n{trace}", violation.invariant, violation.what)
        }
        None => format!("seed {seed}: no violation\n{trace}"),
    }
}

/// A store that seals into lines and is never connected: no server listens there.
pub fn sealing() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let url = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
        Store::open(url, Seal::Off, Role::Worker).unwrap()
    })
}
