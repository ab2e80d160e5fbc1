//! The protocol in thousands of seeded schedules on virtual time: real rules (`Attempt`, `plan`,
//! `classify`, `lifecycle`), a model of store, provider and journal, and a nemesis.
//! `TOKENKEEPER_SIMULATOR_SEED=n` replays one schedule and prints its trace.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

#[path = "simulator/bites.rs"]
mod bites;
#[path = "simulator/blow.rs"]
mod blow;
#[path = "simulator/consumer.rs"]
mod consumer;
#[path = "simulator/differential.rs"]
mod differential;
#[path = "simulator/ending.rs"]
mod ending;
#[path = "simulator/facts.rs"]
mod facts;
#[path = "simulator/human.rs"]
mod human;
#[path = "simulator/invariants.rs"]
mod invariants;
#[path = "simulator/journal.rs"]
mod journal;
#[path = "harness/long.rs"]
mod long;
#[path = "simulator/model_store.rs"]
mod model_store;
#[path = "simulator/nemesis.rs"]
mod nemesis;
#[path = "simulator/provider.rs"]
mod provider;
#[path = "simulator/row.rs"]
mod row;
#[path = "simulator/rules.rs"]
mod rules;
#[path = "simulator/run.rs"]
mod run;
#[path = "simulator/schedule.rs"]
mod schedule;
#[path = "simulator/setting.rs"]
mod setting;
#[path = "simulator/task.rs"]
mod task;
#[path = "simulator/wire.rs"]
mod wire;
#[path = "simulator/worker.rs"]
mod worker;
#[path = "simulator/world.rs"]
mod world;

use std::{env, fs};

use crate::rules::{Rule, Rules};

#[test]
fn no_schedule_breaks_a_promise() {
    if let Ok(seed) = env::var("TOKENKEEPER_SIMULATOR_SEED") {
        println!("{}", run::told(seed.parse().unwrap(), Rules::ALL));
        return;
    }
    let count = if long::is_wanted() { 100_000 } else { 4_000 };
    let counts = run::many(BASE, count);
    println!("from seed {BASE}: {counts}");
    if let Some(ended) = &counts.violated {
        panic!("{counts}\n{}", run::told(ended.seed, Rules::ALL));
    }
}

#[test]
fn each_rule_bites() {
    let bitten: Vec<_> = Rule::EACH.iter().map(|rule| bites::of(*rule, BASE)).collect();
    let table = bites::table(&bitten, BASE);
    println!("{table}");
    if env::var_os("TOKENKEEPER_WRITE_DOCS").is_some() {
        fs::write(RULES, &table).unwrap();
    }
    let idle: Vec<_> =
        bitten.iter().filter(|bite| bite.found.is_none()).map(|bite| bite.rule).collect();
    assert_eq!(idle, [bites::SPARE], "rules that no schedule misses");
    assert_eq!(fs::read_to_string(RULES).unwrap_or_default(), table, "write docs/rules.md anew");
}

/// The first seed.
const BASE: u64 = 1;
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
