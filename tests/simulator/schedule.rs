//! One schedule: chaos for a while, then peace, and what must have come of it by then.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::{
    clock,
    store::{LEASE, Store},
    token::State,
};

use crate::{
    facts::Violation,
    rules::Rules,
    setting::Setting,
    world::{World, say},
};

/// How a schedule ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub seed: u64,
    pub violation: Option<Violation>,
    pub trace: Vec<String>,
    pub turns: u64,
    pub commits: u64,
    pub faults: u64,
    pub most_calls: usize,
    pub waits_for_human: bool,
    pub is_lost_by_distance: bool,
}

/// Runs one seed.
pub fn run(seed: u64, rules: Rules, sealing: &Store, traced: bool) -> Ended {
    let mut rng = Rng::with_seed(seed);
    let setting = Setting::drawn(&mut rng);
    let mut world = World::new(seed, setting, rng, rules, sealing.clone());
    if traced {
        world.trace = Some(vec![format!("{:?}", world.setting)]);
    }
    let mut turns = 0;
    let peace = clock::after(world.now, world.setting.horizon);
    while world.facts.violation.is_none() && world.turn(peace) {
        turns += 1;
    }
    if world.facts.violation.is_none() {
        turns += recover(&mut world);
    }
    ended(world, turns)
}

fn ended(world: World, turns: u64) -> Ended {
    let needs_login = |row: &crate::row::Row| row.token.state == State::NeedsLogin;
    Ended {
        seed: world.facts.seed,
        turns,
        commits: world.facts.commits,
        faults: u64::from(world.nemesis.faults),
        most_calls: world.facts.rows.iter().map(|row| row.most_calls).max().unwrap_or_default(),
        waits_for_human: world.store.rows.iter().any(needs_login),
        is_lost_by_distance: world.facts.is_lost_by_distance,
        violation: world.facts.violation,
        trace: world.trace.unwrap_or_default(),
    }
}

/// After the last fault each row is healthy, or waits for a human, within a lease and a timer's
/// interval, and as long again as a retry was told to wait; and every answer that was safe is stored
/// or is older than what is stored.
fn recover(world: &mut World) -> u64 {
    world.heal();
    let peace = world.now;
    let within = LEASE + world.setting.interval + ONE_RUN;
    let mut due = clock::after(peace, within);
    let mut healthy = vec![false; world.store.rows.len()];
    let mut turns = 0;
    loop {
        for (at, row) in world.store.rows.iter().enumerate() {
            healthy[at] |= is_settled(&row.token, world.now);
            due = due.max(due_after_retry(&row.token, within, peace));
        }
        if healthy.iter().all(|healthy| *healthy) && world.facts.unsettled().is_none() {
            break;
        }
        if world.facts.violation.is_some() || !world.turn(due) {
            break;
        }
        turns += 1;
    }
    judge(world, &healthy);
    turns
}

fn judge(world: &mut World, healthy: &[bool]) {
    if let Some(at) = healthy.iter().position(|healthy| !healthy) {
        let row = &world.store.rows[at].token;
        let (state, marked, doubts) = (row.state, row.updating, row.uncertain_tries);
        let what = format!("row {at} did not recover: {state}, updating {marked}, doubts {doubts}");
        world.violated("I5", what);
    }
    if let Some(safe) = world.facts.unsettled() {
        let what =
            format!("the answer of attempt {} was never stored", safe.attempt.as_u128() >> 64);
        world.violated("I5", what);
    }
    for at in 0..healthy.len() {
        world.check_called(at);
    }
    say!(world, "-- the end");
}

/// Healthy, or an explicit call for a human.
fn is_settled(row: &tokenkeeper_shared::token::Token, now: DateTime<Utc>) -> bool {
    let is_healthy = row.failures == 0 && row.is_valid(now) && !row.updating;
    is_healthy || (row.state == State::NeedsLogin && !row.is_being_updated(now))
}

/// A try that was put off is waited for, if it was put off no longer than the rules say.
fn due_after_retry(
    row: &tokenkeeper_shared::token::Token,
    within: Duration,
    peace: DateTime<Utc>,
) -> DateTime<Utc> {
    let latest = clock::after(peace, LONGEST_RETRY + LONGEST_RETRY);
    if row.state == State::NeedsLogin || row.refresh_at > latest {
        return peace;
    }
    clock::after(row.refresh_at, within)
}

/// An exchange and all that is slow about it.
const ONE_RUN: Duration = Duration::from_secs(60);
/// The bound of `lifecycle::retry_delay`.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
