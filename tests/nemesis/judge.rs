//! The judgement of a run: the invariants of the protocol, held against what consumers were told and
//! what the provider saw. Whether a refusal was right lies in `refusals`.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use tokenkeeper_worker::sandbox::Exchange;

use super::history::{Came, Entry, History};

pub struct Violation {
    pub rule: &'static str,
    /// The token's, where it concerns one.
    pub name: Option<String>,
    pub what: String,
}

/// What the provider knows of an access token.
pub type Ends = HashMap<String, Instant>;

pub fn judge(history: &History, exchanges: &[Exchange]) -> Vec<Violation> {
    let ends = ends(exchanges);
    let entries = history.entries.lock().clone();
    let mut found = one_answer_a_generation(&entries);
    found.extend(no_older_answer_later(&entries, exchanges));
    found.extend(no_way_back(&entries));
    found.extend(entries.iter().filter_map(|entry| works(entry, &ends)));
    found.extend(super::refusals::unfounded(&entries, &ends, history));
    found.extend(spent_once_more_at_most(exchanges));
    let ended = |what: &String| Violation { rule: "I10", name: None, what: what.clone() };
    found.extend(history.bad_ends.lock().iter().map(ended));
    found
}

/// I1: no two answers were committed under one generation.
fn one_answer_a_generation(entries: &[Entry]) -> Vec<Violation> {
    let mut known: HashMap<(&str, i64), &str> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let Came::Token { generation, token, .. } = &entry.came else { continue };
        let first = known.entry((&entry.name, *generation)).or_insert(token);
        if *first != token {
            let what = format!("generation {generation} is {first} and {token}");
            found.push(Violation { rule: "I1", name: Some(entry.name.clone()), what });
        }
    }
    found
}

/// I1: each generation holds an answer of its own, given after that of the one before. An answer that
/// slips past the fence shows here, because the provider gave it earlier, or to two.
fn no_older_answer_later(entries: &[Entry], exchanges: &[Exchange]) -> Vec<Violation> {
    let mut given: HashMap<&str, usize> = HashMap::new();
    for (number, exchange) in exchanges.iter().enumerate() {
        if let Some(token) = &exchange.access_token {
            given.entry(token).or_insert(number);
        }
    }
    let mut seen: BTreeMap<(&str, i64), usize> = BTreeMap::new();
    for entry in entries {
        if let Came::Token { generation, token, .. } = &entry.came
            && let Some(given) = given.get(token.as_str())
        {
            seen.insert((&entry.name, *generation), *given);
        }
    }
    let mut found = Vec::new();
    for ((one, first), (next, second)) in seen.iter().zip(seen.iter().skip(1)) {
        if one.0 == next.0 && first >= second {
            let what = format!("generation {} holds no later answer than {}", next.1, one.1);
            found.push(Violation { rule: "I1", name: Some(one.0.to_owned()), what });
        }
    }
    found
}

/// I2: no consumer is led back. Its questions come one after the other.
fn no_way_back(entries: &[Entry]) -> Vec<Violation> {
    let mut newest: HashMap<(usize, &str), i64> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let Came::Token { generation, .. } = &entry.came else { continue };
        let newest = newest.entry((entry.consumer, &entry.name)).or_default();
        if generation < newest {
            let what = format!("consumer {}: {newest}, then {generation}", entry.consumer);
            found.push(Violation { rule: "I2", name: Some(entry.name.clone()), what });
        }
        *newest = *generation;
    }
    found
}

/// I3: what is handed out works. One that expires by itself between the last look at the database
/// and the question to the provider is no fault.
fn works(entry: &Entry, ends: &Ends) -> Option<Violation> {
    let violation = |what| Some(Violation { rule: "I3", name: Some(entry.name.clone()), what });
    match &entry.came {
        Came::Token { active: true, .. } | Came::Refused(_) | Came::Outage(_) => None,
        Came::Odd(what) => violation(what.clone()),
        Came::Token { token, generation, .. } => {
            let looked = entry.began.max(entry.ended.checked_sub(LAST_LOOK)?);
            match ends.get(token) {
                Some(end) if looked <= *end && *end <= entry.ended => None,
                Some(_) => violation(format!("a dead token of generation {generation}: {token}")),
                None => violation(format!("the provider never issued {token}")),
            }
        }
    }
}

/// I4: a refresh token that was superseded is presented once more at most, and inside the window.
fn spent_once_more_at_most(exchanges: &[Exchange]) -> Vec<Violation> {
    let mut again: HashMap<&str, u32> = HashMap::new();
    let mut found = Vec::new();
    for exchange in exchanges {
        if exchange.access_token.is_none() {
            let what = format!("an exchange was refused: {exchange:?}");
            found.push(Violation { rule: "I4", name: None, what });
        }
        if let Some(token) = exchange.presented.as_deref().filter(|_| exchange.superseded) {
            *again.entry(token).or_default() += 1;
        }
    }
    found.extend(again.iter().filter(|(_, count)| **count > 1).map(|(token, count)| Violation {
        rule: "I4",
        name: None,
        what: format!("{token} was presented {count} times after it was superseded"),
    }));
    found
}

fn ends(exchanges: &[Exchange]) -> Ends {
    let issued = exchanges.iter().filter_map(|exchange| {
        Some((exchange.access_token.clone()?, exchange.at + exchange.expires_in))
    });
    issued.collect()
}

/// Between the last look at the database and the question to the provider on a busy machine.
const LAST_LOOK: Duration = Duration::from_secs(1);
