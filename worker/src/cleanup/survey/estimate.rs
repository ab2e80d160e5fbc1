//! How long deleting would take: by the last run's rate where there was one, else by what was measured
//! elsewhere, and marked as a guess. Counting is no measure of deleting.

use serde::Serialize;

use crate::cleanup::{dialect::Dialect, ledger::Rate, pace::TARGET};

/// What deleting a target's rows would take. Pairs are the least and the most, equal where a run of this
/// policy was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Batches.
    pub batches: [u64; 2],
    /// Seconds, rounded up.
    pub seconds: [u64; 2],
    /// Rows of the target in a second.
    pub rows_per_second: [u64; 2],
    /// The run that this is taken from; none: it is a guess.
    pub by_run: Option<String>,
}

impl Estimate {
    /// For so many rows, by a run on this database.
    pub(super) fn by_run(rows: u64, rate: &Rate) -> Self {
        let per_row = |of: u64| share(rows, of, rate.rows);
        let per_second = share(rate.rows, 1_000, rate.millis).max(1);
        Self {
            batches: [per_row(rate.batches).max(1); 2],
            seconds: [per_row(rate.millis).div_ceil(1_000).max(1); 2],
            rows_per_second: [per_second; 2],
            by_run: Some(rate.run.clone()),
        }
    }

    /// For so many rows, where nothing was deleted yet.
    pub(super) fn guessed(rows: u64, dialect: Dialect) -> Self {
        let [least, most] = match dialect {
            Dialect::Postgres => POSTGRES,
            Dialect::MySql => MYSQL,
            _ => SQLITE,
        };
        // Most batches take between a half and three quarters of what they may.
        let batch = u64::try_from(TARGET.as_millis()).unwrap_or(u64::MAX) * 5 / 8;
        let batches = |per_second| share(rows, 1_000, per_second).div_ceil(batch).max(1);
        let seconds = |per_second| rows.div_ceil(per_second).max(1);
        Self {
            batches: [batches(most), batches(least)],
            seconds: [seconds(most), seconds(least)],
            rows_per_second: [least, most],
            by_run: None,
        }
    }

    pub(super) fn line(&self) -> String {
        let batches = span(self.batches);
        let unit = if self.batches == [1, 1] { "batch" } else { "batches" };
        let (time, speed) = (time(self.seconds), span(self.rows_per_second));
        let basis = match &self.by_run {
            Some(run) => format!("by {speed} rows/s, as in run {run}"),
            None => format!("a guess by {speed} rows/s; no run of {SMALLEST} rows here yet"),
        };
        format!("about {batches} {unit}, {time}: {basis}")
    }
}

fn share(number: u64, times: u64, of: u64) -> u64 {
    let share = (u128::from(number) * u128::from(times)).div_ceil(u128::from(of.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

fn span([least, most]: [u64; 2]) -> String {
    if least == most { most.to_string() } else { format!("{least}-{most}") }
}

fn time([least, most]: [u64; 2]) -> String {
    let (unit, name) = match most {
        0..=120 => (1, "s"),
        121..=7_200 => (60, "min"),
        _ => (3_600, "h"),
    };
    format!("{} {name}", span([least, most].map(|seconds| seconds.div_ceil(unit))))
}

/// A shorter run is mostly looking.
pub(super) const SMALLEST: u64 = 1_000;

// Measured by `benches/cleanup` on two cores, with sure commits and an application beside it: half of a
// million rows, from the slowest table with a backup to the quickest without one. docs/cleanup.md has them.
const MYSQL: [u64; 2] = [18_000, 28_000];
const POSTGRES: [u64; 2] = [16_000, 240_000];
const SQLITE: [u64; 2] = [3_000, 6_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_how_long_the_next_one_takes_and_how_many_batches() {
        let rate = Rate { run: "r".to_owned(), rows: 10_000, batches: 40, millis: 5_000 };
        let estimate = Estimate::by_run(1_000_000, &rate);
        assert_eq!((estimate.batches, estimate.seconds), ([4_000; 2], [500; 2]));
        assert_eq!(estimate.line(), "about 4000 batches, 9 min: by 2000 rows/s, as in run r");
        let one = Estimate::by_run(1, &rate);
        assert_eq!(one.line(), "about 1 batch, 1 s: by 2000 rows/s, as in run r");
    }

    #[test]
    fn without_a_run_it_is_a_range_and_called_a_guess() {
        let guess = Estimate::guessed(720_000, Dialect::MySql);
        assert_eq!((guess.seconds, guess.by_run.as_ref()), ([26, 40], None));
        assert_eq!(
            guess.line(),
            "about 830-1291 batches, 26-40 s: a guess by 18000-28000 rows/s; no run of 1000 rows here yet"
        );
        assert_eq!(time([7_200, 21_600]), "2-6 h");
        assert_eq!(time([30, 90]), "30-90 s");
    }
}
