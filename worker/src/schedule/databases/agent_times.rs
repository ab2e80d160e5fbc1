//! A schedule as even steps through days, or single times, on days: what SQL Server's Agent can say, in several schedules
//! of a job.

use std::collections::BTreeSet;

use crate::schedule::{
    Unfit,
    fields::{Field, Fields},
};

/// Each of the rhythms on each of the kinds of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    pub(super) rhythms: Vec<Rhythm>,
    pub(super) days: Vec<Days>,
}

/// When on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// At that hour and minute.
    Once((u8, u8)),
    /// From that minute after midnight on, every so many minutes.
    Minutes { first: u8, step: u8 },
    /// From that hour and minute on, every so many hours.
    Hours { first: (u8, u8), step: u8 },
}

/// On which days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    Each,
    /// From 0, Sunday.
    Week(BTreeSet<u8>),
    Month(u8),
}

impl Times {
    /// # Errors
    /// [`Unfit`] where that takes too many schedules, or asks for months or days that there is no word for.
    pub fn new(fields: &Fields) -> Result<Self, Unfit> {
        let days = days(fields)?;
        let rhythms = rhythms(&fields.minute, &fields.hour);
        if rhythms.len() * days.len() > MOST {
            return Err(Unfit(format!(
                "SQL Server Agent would need {} schedules for this: write even steps, or fewer times or days",
                rhythms.len() * days.len()
            )));
        }
        Ok(Self { rhythms, days })
    }
}

fn days(fields: &Fields) -> Result<Vec<Days>, Unfit> {
    if !fields.month.is_all() {
        return Err(Unfit(
            "SQL Server Agent's schedules come in each month: leave the month a star".to_owned(),
        ));
    }
    // Either kind of day is enough, as it is for cron.
    let mut days = Vec::new();
    if !fields.day.is_all() {
        if fields.day.values.iter().any(|day| *day > LAST_OF_ALL_MONTHS) {
            return Err(Unfit(
                "not each month has the 29th, 30th and 31st: write days up to 28, or weekdays"
                    .to_owned(),
            ));
        }
        days.extend(fields.day.values.iter().map(|day| Days::Month(*day)));
    }
    if !fields.weekday.is_all() {
        days.push(Days::Week(fields.weekday.values.clone()));
    }
    if days.is_empty() {
        days.push(Days::Each);
    }
    Ok(days)
}

fn rhythms(minute: &Field, hour: &Field) -> Vec<Rhythm> {
    let (minutes, hours) = (&minute.values, &hour.values);
    if let Some((first, step)) = even(minutes, 60).filter(|_| hour.is_all()) {
        return vec![if step == 60 {
            Rhythm::Hours { first: (0, first), step: 1 }
        } else {
            Rhythm::Minutes { first, step }
        }];
    }
    // So long as they come on the hour's same minute, an even step through the hours says each minute.
    if let Some((first, step)) = even(hours, 24).filter(|(_, step)| *step < 24) {
        return minutes
            .iter()
            .map(|minute| Rhythm::Hours { first: (first, *minute), step })
            .collect();
    }
    let times =
        hours.iter().flat_map(|hour| minutes.iter().map(|minute| Rhythm::Once((*hour, *minute))));
    times.collect()
}

/// The first one and the step, where they fill a day or an hour evenly.
fn even(values: &BTreeSet<u8>, whole: u8) -> Option<(u8, u8)> {
    let first = *values.first()?;
    let count = u8::try_from(values.len()).ok()?;
    let step = whole.checked_div(count).filter(|step| step * count == whole)?;
    let all = (0..count).map(|at| first + at * step);
    all.eq(values.iter().copied()).then_some((first, step))
}

const LAST_OF_ALL_MONTHS: u8 = 28;
/// More are no readable job.
const MOST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cron::{Schedule, zone},
        schedule::databases::calendar,
    };

    fn fields(at: &str) -> Fields {
        let utc = zone("UTC").unwrap();
        let schedule = Schedule::parse(at, utc).unwrap();
        calendar::fields(&schedule, utc, "2026-11-22T12:34:56Z".parse().unwrap()).unwrap()
    }

    /// The hours and minutes, as the Agent counts: on from the first one to the end of the day.
    fn spelled(rhythm: Rhythm) -> Vec<(u8, u8)> {
        let of = |(hour, minute): (u8, u8)| usize::from(hour) * 60 + usize::from(minute);
        let (start, step) = match rhythm {
            Rhythm::Once(at) => (of(at), 1_440),
            Rhythm::Minutes { first, step } => (of((0, first)), usize::from(step)),
            Rhythm::Hours { first, step } => (of(first), usize::from(step) * 60),
        };
        let all = (start..1_440).step_by(step);
        all.map(|at| (u8::try_from(at / 60).unwrap(), u8::try_from(at % 60).unwrap())).collect()
    }

    #[test]
    fn rhythms_come_at_the_hours_and_minutes_that_are_asked_for_and_few_do() {
        for (at, schedules) in [
            ("*/30 * * * *", 1),
            ("* * * * *", 1),
            ("7,27,47 * * * *", 1),
            ("5,20 * * * *", 2),
            ("0 3 * * *", 1),
            ("0 3,15 * * *", 1),
            ("10 1-23/2 * * *", 1),
            ("0 3,4 * * *", 2),
            ("*/20 9-17 * * *", 27),
            ("15 * * * *", 1),
        ] {
            let fields = fields(at);
            let found = rhythms(&fields.minute, &fields.hour);
            assert_eq!(found.len(), schedules, "{at}: {found:?}");
            let mut come: Vec<_> = found.iter().copied().flat_map(spelled).collect();
            come.sort_unstable();
            let hours = fields.hour.values.iter();
            let asked: Vec<_> = hours
                .flat_map(|hour| fields.minute.values.iter().map(|minute| (*hour, *minute)))
                .collect();
            assert_eq!(come, asked, "{at}");
        }
    }

    #[test]
    fn days_are_each_one_those_of_weeks_or_those_of_months_or_both() {
        let week = |days: &[u8]| Days::Week(days.iter().copied().collect());
        for (at, days) in [
            ("0 3 * * *", vec![Days::Each]),
            ("0 3 * * 1-3", vec![week(&[1, 2, 3])]),
            ("0 3 1,15 * *", vec![Days::Month(1), Days::Month(15)]),
            ("0 3 1 * SUN", vec![Days::Month(1), week(&[0])]),
        ] {
            assert_eq!(Times::new(&fields(at)).unwrap().days, days, "{at}");
        }
        for at in ["0 3 31 * *", "0 3 * 6 *", "*/20 9-17 * * *"] {
            assert!(Times::new(&fields(at)).is_err(), "{at}");
        }
    }
}
