//! Backups that end when the next begins.

use sqlparser::tokenizer::Token;

use super::{
    Findings,
    finding::{Code, Finding},
    tables::is_copy,
    unit::Unit,
    words::{Name, is, is_any, is_sign, place},
};

pub(super) fn check(units: &[Unit], findings: &mut Findings) {
    let made: Vec<_> = units.iter().flat_map(made).collect();
    for unit in units {
        let tokens = &unit.tokens;
        for at in 0..tokens.len() {
            let drops = is(tokens, at, "TABLE")
                && is_any(tokens, at.wrapping_sub(1), &["DROP", "TRUNCATE"]);
            let exists = if is(tokens, at + 1, "IF") { 2 } else { 0 };
            let Some(name) = Name::read(tokens, at + 1 + exists).filter(|_| drops) else {
                continue;
            };
            let written = name.last();
            if is_copy(written) && made.iter().any(|made| made.eq_ignore_ascii_case(written)) {
                let found = Finding::new(Code::BackupLost, place(tokens, at - 1), format!("the backup {written} is dropped before it is made anew"))
                    .why("only the last run's backup is ever there: a mistake that is seen after the next run, hours later where a job runs it, cannot be taken back")
                    .mended(format!("no DROP: CREATE TABLE {written}_20270101 …, a name for each run, and an end for old ones; or a backup that is added to"));
                findings.add(found);
            }
        }
    }
}

/// The tables that a unit fills as it makes them: CREATE TABLE … AS, SELECT … INTO.
fn made(unit: &Unit) -> Vec<String> {
    let tokens = &unit.tokens;
    let named = |at: usize| {
        let exists = if is(tokens, at + 1, "IF") { 3 } else { 0 };
        Name::read(tokens, at + 1 + exists).map(|name| name.last().to_owned())
    };
    let makes = |at: &usize| {
        let creates = is(tokens, *at, "TABLE") && is(tokens, at.wrapping_sub(1), "CREATE");
        let selects = is(tokens, *at, "INTO") && !is(tokens, at.wrapping_sub(1), "INSERT");
        creates || selects && !is_sign(tokens, at + 1, &Token::LParen)
    };
    (0..tokens.len()).filter(makes).filter_map(named).collect()
}
