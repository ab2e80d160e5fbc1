//! One run on each database, one after the other, and what is told of it.

use std::{
    env,
    io::{Write, stderr},
    thread,
    time::{Duration, Instant},
};

use super::{
    consumers::{self, CONSUMERS, PROCESSES},
    dice::{self, Dice},
    ground::Ground,
    history::{Came, History},
    host::runtime,
    judge::{self, Violation},
    mischief::Nemesis,
    rest,
    workers::{Crew, now},
};
use crate::harness::{
    databases::{Kind, each},
    long,
};

#[test]
fn whatever_the_nemesis_does_consumers_get_tokens_that_work_and_rows_heal() {
    let Some(length) = length() else {
        return tell("a long run: it takes part in `tests/run --all` only");
    };
    let seed = dice::seed();
    tell(&format!("the seed is {seed}"));
    for kind in each() {
        let (ground, history) = (Ground::of(kind), History::default());
        let began = now();
        rage((&ground, &history), seed, length);
        let mut found = rest::rest(&ground);
        found.extend(judge::judge(&history, &ground.sandbox.exchanges()));
        tell(&format!("{kind}, seed {seed}: {}", figures(&ground, &history)));
        assert!(found.is_empty(), "{}", indictment(kind, seed, &found, (&history, began)));
    }
}

fn rage((ground, history): (&Ground, &History), seed: u64, length: Duration) {
    let crew = &Crew::default();
    thread::scope(|scope| {
        for post in Crew::posts() {
            let dice = Dice::of(seed, 1000 + post);
            scope.spawn(move || crew.work(post, ground, history, dice));
        }
        for number in 0..PROCESSES {
            let dice = Dice::of(seed, number);
            scope.spawn(move || consumers::get(number, ground, history, crew, dice));
        }
        for number in PROCESSES..CONSUMERS {
            let (consumer, dice) = ((number, ground.consumer()), Dice::of(seed, number));
            let asking = consumers::ask(consumer, &ground.sandbox, history, crew, dice);
            scope.spawn(move || runtime().block_on(asking));
        }
        let dice = Dice::of(seed, 2000);
        let nemesis =
            scope.spawn(move || Nemesis::new(ground, crew, history, dice, length).rage(length));
        let ended = nemesis.join();
        crew.end();
        crew.wake();
        ended.expect("the nemesis does not panic");
    });
}

/// How long the nemesis rages on each database; `None` where nobody wants it.
fn length() -> Option<Duration> {
    let given = env::var("TOKENKEEPER_NEMESIS_SECONDS").ok();
    let given = given.map(|seconds| seconds.parse().expect("a number of seconds"));
    given.or(long::is_wanted().then_some(10)).map(Duration::from_secs)
}

fn figures(ground: &Ground, history: &History) -> String {
    let (counts, deeds) = (ground.sandbox.counts(), *history.deeds.lock());
    let generations = rest::generations(ground);
    let entries = history.entries.lock();
    let handed = entries.iter().filter(|one| matches!(one.came, Came::Token { .. })).count();
    let refused = entries.iter().filter(|one| matches!(one.came, Came::Refused(_))).count();
    let outages = entries.iter().filter(|one| matches!(one.came, Came::Outage(_))).count();
    let calls = counts.exchanges * 1000 / generations.max(1).unsigned_abs();
    format!(
        "{generations} generations, {handed} tokens handed out, {refused} times none left, \
         {outages} times no database; {} runs, {} kills, {} freezes, {} restarts, {} rows torn from \
         a worker; {}.{:03} provider calls a generation, {} replays, {} logins again",
        deeds.runs,
        deeds.kills,
        deeds.freezes,
        deeds.restarts,
        history.cuts.lock().len(),
        calls / 1000,
        calls % 1000,
        counts.replays,
        counts.logins.saturating_sub(super::ground::TOKENS as u64),
    )
}

fn indictment(
    kind: Kind,
    seed: u64,
    found: &[Violation],
    (history, began): (&History, Instant),
) -> String {
    let mut lines = vec![format!("{kind}, seed {seed}: {} violations", found.len())];
    lines.extend(found.iter().take(SHOWN).map(|one| {
        let name = one.name.as_deref().unwrap_or("-");
        format!("{} {name}: {}", one.rule, one.what)
    }));
    if let Some(name) = found.iter().find_map(|one| one.name.as_deref()) {
        let mut told = history.told(name, began);
        told.sort();
        lines.push(format!("{name}, all that happened:"));
        lines.extend(told.iter().map(|(at, line)| format!("  {at:?} {line}")));
    }
    lines.join("\n")
}

/// Past the harness of the tests, which keeps what a passing test prints to itself.
fn tell(line: &str) {
    writeln!(stderr(), "{line}").expect("standard error takes it");
}

const SHOWN: usize = 20;
