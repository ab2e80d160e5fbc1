//! A schedule as even steps from an instant on, which is all that an event of MySQL can say. Found by looking at its instants.

use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};

use crate::cron::Schedule;

/// Even steps in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// The first instant.
    pub starts: DateTime<Utc>,
    /// From one to the next.
    pub step: Step,
}

/// How long a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many seconds.
    Seconds(i64),
    /// So many months, on the same day.
    Months(u32),
}

/// Why there is none, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "even steps in UTC cannot say {0}: write one such as `0 3 * * *`, `*/30 * * * *`, `@every 7h`, `@weekly`, `15 4 1 * *`, in \
     a time zone without summer time (--zone UTC); or let `tokenkeeper-worker daemon` begin the clean-ups"
)]
pub struct Uneven(String);

impl Rhythm {
    /// The schedule, as far as years from `now` tell.
    ///
    /// # Errors
    /// [`Uneven`].
    pub fn of(schedule: &Schedule, now: DateTime<Utc>) -> Result<Self, Uneven> {
        let uneven = || Uneven(schedule.to_string());
        let [starts, second] = schedule.upcoming(now, 2)[..] else { return Err(uneven()) };
        let seconds = Self { starts, step: Step::Seconds((second - starts).num_seconds()) };
        let months = months_between(starts, second);
        let months = months.map(|months| Self { starts, step: Step::Months(months) });
        let found = [Some(seconds), months].into_iter().flatten().find(|one| one.says(schedule));
        found.ok_or_else(uneven)
    }

    /// As MySQL writes it, behind ON SCHEDULE, for a session in UTC.
    #[must_use]
    pub fn every(&self) -> String {
        let starts = self.starts.format("%Y-%m-%d %H:%M:%S");
        match self.step {
            Step::Seconds(seconds) => format!("EVERY {seconds} SECOND STARTS '{starts}'"),
            Step::Months(months) => format!("EVERY {months} MONTH STARTS '{starts}'"),
        }
    }

    fn nth(&self, number: u32) -> Option<DateTime<Utc>> {
        match self.step {
            Step::Seconds(seconds) => {
                self.starts.checked_add_signed(TimeDelta::seconds(seconds * i64::from(number)))
            }
            Step::Months(months) => self.starts.checked_add_months(Months::new(months * number)),
        }
    }

    /// The next ones, and those around some later steps: a look at each of years of minutes would take too long.
    fn says(&self, schedule: &Schedule) -> bool {
        let step = self.nth(1).map_or(0, |second| (second - self.starts).num_seconds()).max(1);
        let far = u32::try_from(FAR / step).unwrap_or(u32::MAX);
        let stride = usize::try_from((far / LOOKS).max(1)).unwrap_or(1);
        let near = 0..NEAR.min(far.max(LEAST));
        near.chain((0..far).step_by(stride)).all(|number| {
            let pair = self.nth(number).zip(self.nth(number + 1));
            pair.is_some_and(|(one, next)| schedule.next_after(one) == Some(next))
        })
    }
}

/// Days behind the 28th are not in each month.
fn months_between(one: DateTime<Utc>, other: DateTime<Utc>) -> Option<u32> {
    let months = |at: DateTime<Utc>| at.year() * 12 + i32::try_from(at.month()).unwrap_or_default();
    let is_same = one.day() <= 28 && one.day() == other.day() && one.time() == other.time();
    u32::try_from(months(other) - months(one)).ok().filter(|months| is_same && *months > 0)
}

/// Four years: a leap year is among them, and summer time many times.
const FAR: i64 = 4 * 366 * 86_400;
/// Steps looked at one after the other, and spread over those years.
const NEAR: u32 = 1_500;
const LOOKS: u32 = 3_000;
/// Yearly ones too.
const LEAST: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::zone;

    fn said(at: &str, of: &str) -> Result<String, Uneven> {
        let schedule = Schedule::parse(at, zone(of).unwrap()).unwrap();
        Rhythm::of(&schedule, "2026-11-22T12:34:56Z".parse().unwrap()).map(|found| found.every())
    }

    #[test]
    fn what_comes_in_even_steps_is_said_in_utc() {
        for (at, of, every) in [
            ("0 3 * * *", "UTC", "EVERY 86400 SECOND STARTS '2026-11-23 03:00:00'"),
            ("0 3 * * *", "Asia/Tokyo", "EVERY 86400 SECOND STARTS '2026-11-22 18:00:00'"),
            ("@every 30m", "UTC", "EVERY 1800 SECOND STARTS '2026-11-22 13:00:00'"),
            ("@every 7h", "UTC", "EVERY 25200 SECOND STARTS '2026-11-22 19:00:00'"),
            ("* * * * *", "UTC", "EVERY 60 SECOND STARTS '2026-11-22 12:35:00'"),
            ("0 3,15 * * *", "UTC", "EVERY 43200 SECOND STARTS '2026-11-22 15:00:00'"),
            ("@weekly", "UTC", "EVERY 604800 SECOND STARTS '2026-11-29 00:00:00'"),
            ("15 4 1 * *", "UTC", "EVERY 1 MONTH STARTS '2026-12-01 04:15:00'"),
            ("@yearly", "UTC", "EVERY 12 MONTH STARTS '2027-01-01 00:00:00'"),
            ("5 * * * *", "America/Chicago", "EVERY 3600 SECOND STARTS '2026-11-22 13:05:00'"),
        ] {
            assert_eq!(said(at, of).as_deref(), Ok(every), "{at} {of}");
        }
    }

    #[test]
    fn what_does_not_is_refused_with_what_to_write() {
        for (at, of) in [
            ("0 3 * * *", "Europe/Zurich"),
            ("0 3 * * 1-5", "UTC"),
            ("0 3,4 * * *", "UTC"),
            ("0 3 31 * *", "UTC"),
            ("0 3 L * *", "UTC"),
            ("*/7 * * * *", "UTC"),
        ] {
            let refused = said(at, of).unwrap_err().to_string();
            assert!(refused.contains("--zone UTC") && refused.contains(at), "{refused}");
        }
    }
}
