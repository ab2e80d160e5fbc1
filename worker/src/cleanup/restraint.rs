//! How a run holds itself back, besides ending: rests, hours of the day, a file that says no. Who looks at
//! the time and for the file is `hold`.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use chrono::{DateTime, NaiveTime, Utc};

/// What holds a run back. Nothing does by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restraint {
    /// How long it rests after each batch.
    pub nice: Nice,
    /// When it may be at work; none: always.
    pub window: Option<DailyWindow>,
    /// While this file is there it must not be at work.
    pub stop_file: Option<PathBuf>,
}

/// A rest, in proportion to the work before it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Nice(f64);

impl Nice {
    /// How long to rest after a batch that took so long: a minute at most, well within a lease.
    #[must_use]
    pub fn rest(self, took: Duration) -> Duration {
        Duration::try_from_secs_f64(took.as_secs_f64() * self.0).map_or(LONGEST, |t| t.min(LONGEST))
    }
}

impl FromStr for Nice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ratio = text.parse().ok().filter(|ratio| (0.0..=GREATEST).contains(ratio));
        ratio.map(Self).ok_or("a number from 0 to 1000: 1 rests as long as a batch took")
    }
}

/// Some hours of each day, UTC: from the first minute on, up to the last and without it. They may lie
/// around midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    from: NaiveTime,
    to: NaiveTime,
}

impl DailyWindow {
    /// Whether the instant lies in them.
    #[must_use]
    pub fn contains(&self, now: DateTime<Utc>) -> bool {
        let time = now.time();
        let (begun, over) = (time >= self.from, time >= self.to);
        if self.from < self.to { begun && !over } else { begun || !over }
    }
}

impl FromStr for DailyWindow {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        let times = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match times {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            Some(_) => Err("the window is empty: leave it out for the whole day"),
            None => Err("two times in UTC, such as 22:00-05:30"),
        }
    }
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

/// A lease lasts five.
const LONGEST: Duration = Duration::from_secs(60);
/// A batch of 50 ms a minute is nearly nothing.
const GREATEST: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_first_minute_and_not_its_last_and_goes_over_midnight() {
        let cases = [
            ("01:00-02:30", "00:59", false),
            ("01:00-02:30", "01:00", true),
            ("01:00-02:30", "02:29", true),
            ("01:00-02:30", "02:30", false),
            ("22:00-05:30", "21:59", false),
            ("22:00-05:30", "22:00", true),
            ("22:00-05:30", "00:00", true),
            ("22:00-05:30", "05:29", true),
            ("22:00-05:30", "05:30", false),
            ("22:00-00:00", "23:59", true),
            ("22:00-00:00", "00:00", false),
        ];
        for (window, time, is_in) in cases {
            let now = format!("2026-11-22T{time}:00Z").parse().unwrap();
            let parsed: DailyWindow = window.parse().unwrap();
            assert_eq!(parsed.contains(now), is_in, "{window} at {time}");
            assert_eq!(parsed.to_string(), window);
        }
        for wrong in ["", "22:00", "22-05", "22:00-24:00", "22:00-05:60", "05:00-05:00", "a-b"] {
            assert!(wrong.parse::<DailyWindow>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rest_follows_what_the_batch_took_within_a_lease() {
        let nice = |text: &str| text.parse::<Nice>().unwrap();
        let took = Duration::from_millis(40);
        assert_eq!(nice("0").rest(took), Duration::ZERO);
        assert_eq!(nice("2.5").rest(took), Duration::from_millis(100));
        assert_eq!(nice("1000").rest(took), Duration::from_secs(40));
        assert_eq!(nice("1000").rest(took * 2), LONGEST);
        assert_eq!(nice("1000").rest(Duration::MAX), LONGEST);
        for wrong in ["", "-1", "1001", "NaN", "inf", "1s"] {
            assert!(wrong.parse::<Nice>().is_err(), "{wrong}");
        }
    }
}
