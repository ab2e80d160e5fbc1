//! Whether consumers were refused with reason.
//!
//! A refusal is unfounded while a committed token works: one that anybody was handed out before the
//! question began, and that the provider calls active until after its end. Where none works, something
//! must have kept the workers from the renewal since it was due: a database that was down, or a worker
//! that was killed or frozen while it held this very row. A database out of reach must have been down.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    history::{Came, Entry, History},
    judge::{Ends, Violation},
};

pub fn unfounded(entries: &[Entry], ends: &Ends, history: &History) -> Vec<Violation> {
    let mut handed: HashMap<&str, Vec<(Instant, Instant)>> = HashMap::new();
    for entry in entries {
        if let Came::Token { token, .. } = &entry.came
            && let Some(end) = ends.get(token)
        {
            handed.entry(&entry.name).or_default().push((entry.ended, *end));
        }
    }
    let none = Vec::new();
    let judged = entries.iter().filter_map(|entry| {
        let what = match &entry.came {
            Came::Token { .. } | Came::Odd(_) => return None,
            Came::Outage(_) if history.was_down(entry.began, entry.ended) => return None,
            Came::Outage(why) => format!("a database that was up was out of reach: {why}"),
            Came::Refused(why) => {
                let handed = handed.get(entry.name.as_str()).unwrap_or(&none);
                format!("{}: {why}", fault(entry, handed, history)?)
            }
        };
        Some(Violation { rule: "I3", name: Some(entry.name.clone()), what })
    });
    judged.collect()
}

/// What is wrong with a refusal, given when tokens of this name were handed out and when they end.
fn fault(entry: &Entry, handed: &[(Instant, Instant)], history: &History) -> Option<&'static str> {
    let known = handed.iter().filter(|(at, _)| *at <= entry.began).map(|(_, end)| *end);
    let last = known.max();
    if last.is_some_and(|end| end > entry.ended + ROUNDING) {
        return Some("refused while a committed token works");
    }
    // Nobody may have asked for the last one.
    let due = last.map_or(entry.began, |end| end).checked_sub(LEAD)?;
    let is_prevented =
        history.was_down(due, entry.ended) || history.was_cut(&entry.name, due, entry.ended);
    (!is_prevented).then_some("refused though nothing kept the workers from renewing it")
}

/// Answers tell whole seconds, and a life counts from the sending.
const ROUNDING: Duration = Duration::from_secs(2);
/// Half the life, a tenth more, and the rounding.
const LEAD: Duration = Duration::from_secs(9);
