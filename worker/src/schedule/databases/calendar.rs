//! A schedule as sets of minutes, hours and days by the clock of a scheduler, which is all that most schedulers of
//! databases have. Found by looking at its instants in the scheduler's zone, and kept only where the sets say the same.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::{cron::Schedule, schedule::fields::Fields};

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

/// The schedule by the clocks of `zone`, as far as years from `now` tell.
///
/// # Errors
/// [`Unsayable`].
pub fn fields(schedule: &Schedule, zone: Tz, now: DateTime<Utc>) -> Result<Fields, Unsayable> {
    let probes = probes(now);
    let same = |one: &Fields| says(one, schedule, zone, &probes);
    let as_written = Fields::of(schedule).ok();
    let found = as_written.into_iter().chain(seen(schedule, zone, now, &probes)).find(same);
    found.ok_or_else(|| Unsayable { schedule: schedule.to_string(), zone })
}

/// The sets that the instants are in: of weekdays, or of days of months.
fn seen(
    schedule: &Schedule,
    zone: Tz,
    now: DateTime<Utc>,
    probes: &[DateTime<Utc>],
) -> Vec<Fields> {
    let Some(first) = schedule.next_after(now) else { return Vec::new() };
    let times = times(schedule, zone, first);
    // More than one a minute is none of these.
    if times.len() > MINUTES_OF_DAY {
        return Vec::new();
    }
    let dates: BTreeSet<_> = probes
        .iter()
        .filter_map(|probe| schedule.next_after(*probe))
        .chain([first])
        .map(|at| at.with_timezone(&zone).date_naive())
        .collect();
    let minutes: BTreeSet<_> = times.iter().map(|(_, minute)| *minute).collect();
    let hours: BTreeSet<_> = times.iter().map(|(hour, _)| *hour).collect();
    let months: BTreeSet<_> = dates.iter().map(Datelike::month).collect();
    let week_days = dates.iter().map(|date| date.weekday().num_days_from_sunday()).collect();
    let month_days = dates.iter().map(Datelike::day).collect();
    [((1..=31).collect(), week_days), (month_days, (0..=6).collect())]
        .map(|(days, week)| {
            Fields::of_sets([minutes.clone(), hours.clone(), days, months.clone(), week])
        })
        .into()
}

/// Whether the fields' own instants are those of the schedule.
fn says(fields: &Fields, schedule: &Schedule, zone: Tz, probes: &[DateTime<Utc>]) -> bool {
    let own = fields.five().ok().and_then(|five| Schedule::parse(&five, zone).ok());
    let (Some(own), Some(first)) = (own, probes.first()) else { return false };
    let same = |at: &DateTime<Utc>| own.next_after(*at) == schedule.next_after(*at);
    let near = std::iter::successors(own.next_after(*first), |at| own.next_after(*at));
    probes.iter().all(same) && near.take(INSTANTS).all(|at| same(&at))
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
        fields(&schedule, zone(by).unwrap(), now).map(|fields| fields.five().unwrap())
    }

    #[test]
    fn a_schedule_is_said_by_the_clocks_of_another_zone() {
        for (at, of, by, fields) in [
            ("0 3 * * *", "UTC", "UTC", "0 3 * * *"),
            ("@every 30m", "UTC", "UTC", "0,30 * * * *"),
            ("* * * * *", "UTC", "UTC", "* * * * *"),
            ("0 0/15 * 1/1 * ? *", "UTC", "UTC", "*/15 * * * *"),
            ("0 0 3 ? * 2 *", "UTC", "UTC", "0 3 * * 1"),
            ("30 2,14 * * 1-5", "UTC", "UTC", "30 2,14 * * 1,2,3,4,5"),
            // Three in the morning there is the evening before here.
            ("0 3 * * MON", "Asia/Tokyo", "UTC", "0 18 * * 0"),
            ("15 4 1 * *", "UTC", "UTC", "15 4 1 * *"),
            ("0 4 29 2 *", "UTC", "UTC", "0 4 29 2 *"),
            ("0 3 1 * MON", "UTC", "UTC", "0 3 1 * 1"),
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
            ("0 3 1 * MON", "Asia/Tokyo"),
            ("0 3 * * *", "Europe/Zurich"),
            ("0 3 1 * *", "Asia/Tokyo"),
        ] {
            let refused = said(at, of, "UTC").unwrap_err().to_string();
            assert!(refused.contains("--zone") && refused.contains(at), "{refused}");
        }
    }
}
