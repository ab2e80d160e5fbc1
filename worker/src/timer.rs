//! When a worker that stays does its next pass: arithmetic on the database's time. Who waits is `daemon`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock;

/// How long nothing is to be done: a pass comes when a row is due, and at least every five minutes, and at most once
/// a second. `ended` is when the last one ended, `due` when the first row is due, all by the database's time; where
/// that went back since, a pass comes at once, and the count begins anew.
#[must_use]
pub fn until_next_pass(
    now: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    due: Option<DateTime<Utc>>,
) -> Duration {
    let Some(ended) = ended.filter(|ended| *ended <= now) else { return Duration::ZERO };
    let longest = clock::after(ended, LONGEST_REST);
    let next = due.map_or(longest, |due| due.min(longest)).max(clock::after(ended, SHORTEST_REST));
    clock::until(now, next)
}

/// How long a pass may take before something must be wrong: what is begun before its deadline ends by its own bounds,
/// and what surrounds it (migration apart) is statements with bounds of their own.
#[must_use]
pub fn longest_pass(deadline: Duration) -> Duration {
    deadline.saturating_add(AFTER_THE_DEADLINE)
}

/// A pass also enrols new rows, stores what dead processes left in their journals, tries changed credentials and tells
/// the metrics that a worker lives; alerts are seldom finer than this.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// A row that stays due, whatever a pass does, costs the database next to nothing at this pace.
const SHORTEST_REST: Duration = Duration::from_secs(1);
/// An exchange of 30 s, commits that are tried for a minute, and events, trimming and notes with 40 s each.
const AFTER_THE_DEADLINE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_pass_comes_when_a_row_is_due_at_least_every_five_minutes_and_never_in_a_spin() {
        for (now, ended, due, seconds) in [
            (0, None, Some(500), 0),
            (0, Some(0), None, 300),
            (10, Some(0), Some(60), 50),
            (10, Some(0), Some(900), 290),
            (10, Some(0), Some(-900), 0),
            (0, Some(0), Some(-900), 1),
            (400, Some(0), Some(900), 0),
        ] {
            let left = until_next_pass(at(now), ended.map(at), due.map(at));
            assert_eq!(left, Duration::from_secs(seconds), "{now} {ended:?} {due:?}");
        }
    }

    #[test]
    fn a_clock_that_went_back_is_no_reason_to_wait() {
        assert_eq!(until_next_pass(at(-7200), Some(at(0)), Some(at(9))), Duration::ZERO);
    }

    #[test]
    fn a_machine_that_slept_finds_its_row_due() {
        assert_eq!(until_next_pass(at(90_000), Some(at(0)), Some(at(3600))), Duration::ZERO);
    }
}
