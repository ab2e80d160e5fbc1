//! How far a replica may lag behind, and how far it does: by where the cleaned server's log was and when, on this
//! machine's monotonic clock, so that no two machines' clocks are compared. Who asks is `replicas`.

use std::{collections::VecDeque, fmt, str::FromStr, time::Duration};

/// How far a replica may lag behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxLag(Duration);

impl MaxLag {
    /// How long an answer counts. What is found so late, of marks so far apart, makes a lag a quarter longer
    /// than it may be, at most.
    #[must_use]
    pub fn interval(self) -> Duration {
        (self.0 / 8).min(LONGEST_INTERVAL)
    }

    /// Whether a run must wait. One that waits does so until half of it is made good, so that it does not stop
    /// again after its next batch.
    #[must_use]
    pub fn is_exceeded(self, lag: Duration, is_waiting: bool) -> bool {
        lag > if is_waiting { self.0 / 2 } else { self.0 }
    }
}

impl FromStr for MaxLag {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = humantime::parse_duration(text).ok().filter(|time| *time >= LEAST);
        time.map(Self).ok_or("a time from 1s on, such as 10s: many replicas tell whole seconds")
    }
}

impl fmt::Display for MaxLag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}

/// How a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It lags so far behind.
    Lags(Duration),
    /// How far it lags is not known, and this is why.
    Unknown(String),
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lags(lag) => write!(formatter, "lags {}", shown(*lag)),
            Self::Unknown(why) => formatter.write_str(why),
        }
    }
}

/// A time for people: whole seconds.
#[must_use]
pub fn shown(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// Where the cleaned server's log ended, and when that was seen.
#[derive(Debug, Default)]
pub struct Marks(VecDeque<(u64, Duration)>);

impl Marks {
    /// Notes where it ends now. Where it ended before, nothing was written since.
    pub fn note(&mut self, position: u64, now: Duration) {
        if self.0.back().is_none_or(|(last, _)| *last < position) {
            self.0.push_back((position, now));
        }
    }

    /// How long ago it was first seen to end behind what a replica has replayed. None: the replica is not even
    /// where the first mark is, and nobody knows when that was written.
    #[must_use]
    pub fn lag(&self, replayed: u64, now: Duration) -> Option<Duration> {
        let reached = self.0.partition_point(|(position, _)| *position <= replayed);
        if reached == 0 && !self.0.is_empty() {
            return None;
        }
        let missing = self.0.get(reached);
        Some(missing.map_or(Duration::ZERO, |(_, at)| now.saturating_sub(*at)))
    }

    /// Forgets what all have replayed, but for the last of it.
    pub fn forget(&mut self, replayed: u64) {
        while self.0.get(1).is_some_and(|(position, _)| *position <= replayed) {
            self.0.pop_front();
        }
    }
}

/// MySQL's replicas tell whole seconds.
const LEAST: Duration = Duration::from_secs(1);
/// As soon as a stop file ends a rest. A question is one short statement to each server.
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_replica_lags_since_the_log_was_first_seen_behind_what_it_has_replayed() {
        let mut marks = Marks::default();
        assert_eq!(marks.lag(0, seconds(9)), Some(Duration::ZERO));
        for (position, at) in [(100, 10), (200, 20), (200, 30), (300, 40)] {
            marks.note(position, seconds(at));
        }
        let now = seconds(50);
        assert_eq!(marks.lag(99, now), None);
        assert_eq!(marks.lag(100, now), Some(seconds(30)));
        assert_eq!(marks.lag(199, now), Some(seconds(30)));
        assert_eq!(marks.lag(200, now), Some(seconds(10)));
        assert_eq!(marks.lag(300, now), Some(Duration::ZERO));
        assert_eq!(marks.lag(301, now), Some(Duration::ZERO));
        marks.forget(250);
        assert_eq!(marks.lag(250, now), Some(seconds(10)));
        assert_eq!(marks.lag(150, now), None);
    }

    #[test]
    fn one_that_waits_goes_on_when_half_of_it_is_made_good() {
        let most: MaxLag = "10s".parse().unwrap();
        for (millis, is_waiting, expected) in [
            (10_000, false, false),
            (10_001, false, true),
            (10_000, true, true),
            (5_001, true, true),
            (5_000, true, false),
        ] {
            let lag = Duration::from_millis(millis);
            assert_eq!(most.is_exceeded(lag, is_waiting), expected, "{millis}, {is_waiting}");
        }
        assert_eq!(most.interval(), seconds(1));
        assert_eq!("1s".parse::<MaxLag>().unwrap().interval(), Duration::from_millis(125));
        for wrong in ["", "0s", "999ms", "10", "-1s"] {
            assert!(wrong.parse::<MaxLag>().is_err(), "{wrong}");
        }
    }
}
