//! The rules switched off one by one: after how many schedules each is missed, and the table of that
//! in `docs/rules.md`.

use std::fmt::Write;

use crate::{
    rules::{Rule, Rules},
    run,
};

/// What became of the schedules without one rule.
#[derive(Debug)]
pub struct Bite {
    pub rule: Rule,
    pub found: Option<Found>,
}

/// The first violation.
#[derive(Debug)]
pub struct Found {
    invariant: &'static str,
    what: String,
    after: u64,
    seed: u64,
}

/// Looks for a violation without the rule.
pub fn of(rule: Rule, base: u64) -> Bite {
    let found = run::first_violation(base, BOUND, Rules::without(rule)).map(|(after, ended)| {
        let violation = ended.violation.unwrap();
        let (invariant, what) = (violation.invariant, violation.what);
        Found { invariant, what, after, seed: ended.seed }
    });
    Bite { rule, found }
}

/// The table as it stands in the documents.
pub fn table(bites: &[Bite], base: u64) -> String {
    let mut table = format!(
        "# The rules, and what happens without them\n\n\
         Written by the simulator's own run (`TOKENKEEPER_WRITE_DOCS=1 cargo test --workspace --test \
         simulator`). Each rule of the\nprotocol is switched off alone; the schedules from seed {base} \
         on then break an invariant. With all rules on none is broken.\n\n\
         | rule | invariant broken | after schedules | seed | how |\n|---|---|---|---|---|\n"
    );
    for Bite { rule, found } in bites {
        let sentence = rule.sentence();
        let Some(Found { invariant, what, after, seed }) = found else {
            let _ = writeln!(table, "| {sentence} | none in {BOUND} | | | {SPARE_WHY} |");
            continue;
        };
        let _ = writeln!(table, "| {sentence} | {invariant} | {after} | {seed} | {what} |");
    }
    table
}

/// A rule that no schedule misses, because others stand behind it.
pub const SPARE: Rule = Rule::ReadAgain;

const SPARE_WHY: &str = "not needed for any invariant: nobody commits under a lease that still bears \
     a login, and a release touches its own claim only; it spares a worker a false alarm";

/// Within so many schedules a rule must be missed.
const BOUND: u64 = 5_000;
