//! A schedule as sets of minutes, hours and days, which is all that most schedulers of databases can say. Found by
//! looking at its instants in the scheduler's zone, and kept only where the sets say the same instants.

use std::{collections::BTreeSet, fmt::Write};

use chrono::{DateTime, Datelike, Days, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::cron::Schedule;

/// When, by the clock of the scheduler. A full set is "each".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// 0 to 59.
    pub minutes: BTreeSet<u32>,
    /// 0 to 23.
    pub hours: BTreeSet<u32>,
    /// 1 to 31.
    pub month_days: BTreeSet<u32>,
    /// 1 to 12.
    pub months: BTreeSet<u32>,
    /// 0 is Sunday.
    pub week_days: BTreeSet<u32>,
}

/// Why there is none, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "minutes, hours and days in {zone} cannot say {schedule}: write whole minutes, the same times on each of its days, \
     and a time zone (--zone) whose clocks change when those of {zone} do, such as {zone} itself; or let \
     `tokenkeeper-worker daemon` begin the clean-ups"
)]
pub struct Unsayable {
    schedule: String,
    zone: Tz,
}

impl Calendar {
    /// The schedule by the clocks of `zone`, as far as ten years from `now` tell.
    ///
    /// # Errors
    /// [`Unsayable`].
    pub fn of(schedule: &Schedule, zone: Tz, now: DateTime<Utc>) -> Result<Self, Unsayable> {
        let unsayable = || Unsayable { schedule: schedule.to_string(), zone };
        let probes = probes(now);
        let first = schedule.next_after(now).ok_or_else(unsayable)?;
        if first.second() != 0 {
            return Err(unsayable());
        }
        let day = first.with_timezone(&zone).date_naive();
        let times = times(schedule, zone, first);
        // More than one a minute is none of these.
        if times.len() > MINUTES_OF_DAY {
            return Err(unsayable());
        }
        let dates: BTreeSet<_> = probes
            .iter()
            .filter_map(|probe| schedule.next_after(*probe))
            .map(|at| at.with_timezone(&zone).date_naive())
            .chain([day])
            .collect();
        let minutes: BTreeSet<_> = times.iter().map(|(_, minute)| *minute).collect();
        let hours: BTreeSet<_> = times.iter().map(|(hour, _)| *hour).collect();
        let months: BTreeSet<_> = dates.iter().map(Datelike::month).collect();
        let week_days = dates.iter().map(|date| date.weekday().num_days_from_sunday()).collect();
        let month_days = dates.iter().map(Datelike::day).collect();
        let with = |month_days, week_days| Self {
            minutes: minutes.clone(),
            hours: hours.clone(),
            month_days,
            months: months.clone(),
            week_days,
        };
        let candidates = [with((1..=31).collect(), week_days), with(month_days, (0..=6).collect())];
        let same = |one: &Self| one.says(schedule, zone, &probes);
        candidates.into_iter().find(same).ok_or_else(unsayable)
    }

    /// As five fields of cron.
    #[must_use]
    pub fn fields(&self) -> String {
        let all: [(&BTreeSet<u32>, u32, u32); 5] = [
            (&self.minutes, 0, 59),
            (&self.hours, 0, 23),
            (&self.month_days, 1, 31),
            (&self.months, 1, 12),
            (&self.week_days, 0, 6),
        ];
        all.map(|(set, first, last)| field(set, first, last)).join(" ")
    }

    /// Whether its own instants are those of the schedule.
    fn says(&self, schedule: &Schedule, zone: Tz, probes: &[DateTime<Utc>]) -> bool {
        let Ok(own) = Schedule::parse(&self.fields(), zone) else { return false };
        let same = |at: &DateTime<Utc>| own.next_after(*at) == schedule.next_after(*at);
        let Some(first) = probes.first() else { return false };
        let near = std::iter::successors(own.next_after(*first), |at| own.next_after(*at));
        probes.iter().all(same) && near.take(INSTANTS).all(|at| same(&at))
    }
}

/// An instant for each day, and a second before the beginning of each.
fn probes(now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let whole = now.date_naive().and_hms_opt(0, 0, 0).unwrap_or_default().and_utc();
    let days = (0..DAYS).filter_map(|day| whole.checked_add_days(Days::new(day)));
    days.map(|day| day - TimeDelta::seconds(1)).collect()
}

/// The times of a day and a night from the first instant on.
fn times(schedule: &Schedule, zone: Tz, first: DateTime<Utc>) -> BTreeSet<(u32, u32)> {
    let all = std::iter::successors(Some(first), |at| schedule.next_after(*at));
    let all = all.take_while(|at| *at < first + TimeDelta::days(1)).take(MINUTES_OF_DAY + 1);
    all.map(|at| at.with_timezone(&zone)).map(|at| (at.hour(), at.minute())).collect()
}

fn field(set: &BTreeSet<u32>, first: u32, last: u32) -> String {
    if set.iter().copied().eq(first..=last) {
        return "*".to_owned();
    }
    let numbers: Vec<_> = set.iter().copied().collect();
    if let [begin, next, ..] = numbers[..] {
        let step = next - begin;
        if matches!(last, 23 | 59)
            && begin == first
            && (first..=last).step_by(step as usize).eq(numbers.iter().copied())
        {
            return format!("*/{step}");
        }
    }
    let mut text = String::new();
    for (at, number) in numbers.iter().enumerate() {
        let _ = write!(text, "{}{number}", if at == 0 { "" } else { "," });
    }
    text
}

const MINUTES_OF_DAY: usize = 1_440;
/// A leap year is among them, and summer time many times.
const DAYS: u64 = 1_500;
/// A day of minutes.
const INSTANTS: usize = 1_500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::zone;

    fn said(at: &str, of: &str, by: &str) -> Result<String, Unsayable> {
        let schedule = Schedule::parse(at, zone(of).unwrap()).unwrap();
        let now = "2026-11-22T12:34:56Z".parse().unwrap();
        Calendar::of(&schedule, zone(by).unwrap(), now).map(|calendar| calendar.fields())
    }

    #[test]
    fn a_schedule_is_said_by_the_clocks_of_another_zone() {
        for (at, of, by, fields) in [
            ("0 3 * * *", "UTC", "UTC", "0 3 * * *"),
            ("@every 30m", "UTC", "UTC", "*/30 * * * *"),
            ("* * * * *", "UTC", "UTC", "* * * * *"),
            ("0 0/15 * 1/1 * ? *", "UTC", "UTC", "*/15 * * * *"),
            ("0 0 3 ? * 2 *", "UTC", "UTC", "0 3 * * 1"),
            ("30 2,14 * * 1-5", "UTC", "UTC", "30 2,14 * * 1,2,3,4,5"),
            // Three in the morning there is the evening before here.
            ("0 3 * * MON", "Asia/Tokyo", "UTC", "0 18 * * 0"),
            ("15 4 1 * *", "UTC", "UTC", "15 4 1 * *"),
            ("0 4 29 2 *", "UTC", "UTC", "0 4 29 2 *"),
            ("0 3 * * *", "Europe/Zurich", "Europe/Zurich", "0 3 * * *"),
            ("0 3 * * *", "Europe/Zurich", "Europe/Berlin", "0 3 * * *"),
            ("5 * * * *", "America/Chicago", "UTC", "5 * * * *"),
        ] {
            assert_eq!(said(at, of, by).as_deref(), Ok(fields), "{at} {of} by {by}");
        }
    }

    #[test]
    fn what_a_calendar_cannot_say_is_refused_with_what_to_write() {
        for (at, of) in [
            ("30 0 3 * * *", "UTC"),
            ("@every 7h", "UTC"),
            ("@every 90s", "UTC"),
            ("@every 10s", "UTC"),
            ("0 3 L * *", "UTC"),
            ("0 3 1 * MON", "UTC"),
            ("0 3 * * *", "Europe/Zurich"),
            ("0 3 1 * *", "Asia/Tokyo"),
        ] {
            let refused = said(at, of, "UTC").unwrap_err().to_string();
            assert!(refused.contains("--zone") && refused.contains(at), "{refused}");
        }
    }
}
