//! A schedule as sets of numbers, from which each platform's own way of writing is made. What these ways cannot say
//! (years, `L`, `W`, `#`, `+`) is refused here.

use std::collections::BTreeSet;

use croner::{CronComponent, CronPattern};

use super::Unfit;
use crate::cron::Schedule;

/// Which numbers each field takes; weekdays count from 0, Sunday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub(super) second: Field,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day: Field,
    pub(super) month: Field,
    pub(super) weekday: Field,
}

/// The numbers of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) values: BTreeSet<u8>,
    first: u8,
    last: u8,
}

impl Fields {
    /// Reads a schedule.
    ///
    /// # Errors
    /// [`Unfit`] names what sets of numbers cannot say.
    pub fn of(schedule: &Schedule) -> Result<Self, Unfit> {
        match (schedule.interval(), &schedule.patterns()[..]) {
            (Some(interval), _) => Self::of_interval(interval.as_secs()),
            (None, [first, more @ ..]) => {
                let all = Self::of_pattern(first, schedule)?;
                more.iter()
                    .try_fold(all, |all, more| Ok(all.and_times(Self::of_pattern(more, schedule)?)))
            }
            (None, []) => Err(Unfit(format!("{schedule} has no fields"))),
        }
    }

    /// Times, each on each of the hours, on these days.
    pub(super) fn of_sets([minutes, hours, days, months, weekdays]: [BTreeSet<u32>; 5]) -> Self {
        let field =
            |values: BTreeSet<u32>, kind| Field::new(values.into_iter().map(u64::from), kind);
        Self {
            second: Field::new([0], &SECOND),
            minute: field(minutes, &MINUTE),
            hour: field(hours, &HOUR),
            day: field(days, &DAY),
            month: field(months, &MONTH),
            weekday: field(weekdays, &WEEKDAY),
        }
    }

    /// Whether both a day of the month and a weekday are asked for: either is enough then.
    pub(super) fn has_both_days(&self) -> bool {
        !self.day.is_all() && !self.weekday.is_all()
    }

    fn of_pattern(pattern: &CronPattern, schedule: &Schedule) -> Result<Self, Unfit> {
        let is_odd = |field: &CronComponent| field.has_modifiers();
        for (name, is_unsayable) in [
            ("year", !pattern.years.from_wildcard),
            ("day of the month", is_odd(&pattern.days)),
            ("weekday", is_odd(&pattern.days_of_week) || pattern.matches_dom_and_dow()),
        ] {
            if is_unsayable {
                return Err(unsaid(schedule, name));
            }
        }
        let field =
            |read: &CronComponent, kind| Field::new(read.values().into_iter().map(u64::from), kind);
        let (mut day, mut weekday) =
            (field(&pattern.days, &DAY), field(&pattern.days_of_week, &WEEKDAY));
        // All days of one, written without a star, are enough whatever the other says.
        let is_either = !pattern.is_dom_wildcard() && !pattern.is_dow_wildcard();
        if is_either && (day.is_all() || weekday.is_all()) {
            (day, weekday) = (Field::all(&DAY), Field::all(&WEEKDAY));
        }
        Ok(Self {
            second: field(&pattern.seconds, &SECOND),
            minute: field(&pattern.minutes, &MINUTE),
            hour: field(&pattern.hours, &HOUR),
            day,
            month: field(&pattern.months, &MONTH),
            weekday,
        })
    }

    /// With the times of another one on the same days: lists of fixed times are read as all of their combinations.
    fn and_times(mut self, other: Self) -> Self {
        self.second.values.extend(other.second.values);
        self.minute.values.extend(other.minute.values);
        self.hour.values.extend(other.hour.values);
        self
    }

    /// An interval that divides a minute, an hour or a day comes evenly on clocks, too.
    fn of_interval(seconds: u64) -> Result<Self, Unfit> {
        let every = |unit: u64, whole: u64, kind: &Kind| {
            let step = seconds / unit;
            let is_even =
                seconds.is_multiple_of(unit) && step < whole && whole.checked_rem(step) == Some(0);
            is_even
                .then(|| Field::new((0..whole).step_by(usize::try_from(step).unwrap_or(1)), kind))
        };
        let (zero, all) = (|kind: &Kind| Field::new([0], kind), Field::all);
        let (second, minute, hour) = if let Some(second) = every(1, 60, &SECOND) {
            (second, all(&MINUTE), all(&HOUR))
        } else if let Some(minute) = every(60, 60, &MINUTE) {
            (zero(&SECOND), minute, all(&HOUR))
        } else if let Some(hour) = every(3_600, 24, &HOUR) {
            (zero(&SECOND), zero(&MINUTE), hour)
        } else if seconds == 86_400 {
            (zero(&SECOND), zero(&MINUTE), zero(&HOUR))
        } else {
            return Err(Unfit(format!(
                "{seconds} s divide neither a minute, an hour nor a day evenly, so fields cannot say them: \
                 write for example `@every 30m`, or `schedule systemd`, which counts any time"
            )));
        };
        Ok(Self {
            second,
            minute,
            hour,
            day: all(&DAY),
            month: all(&MONTH),
            weekday: all(&WEEKDAY),
        })
    }

    /// Minute, hour, day, month, weekday, as every cron reads them.
    ///
    /// # Errors
    /// [`Unfit`] when seconds are asked for.
    pub fn five(&self) -> Result<String, Unfit> {
        if self.second.values != BTreeSet::from([0]) {
            let advice = "five fields know no seconds: begin at a full minute, or use `schedule systemd` or `daemon`";
            return Err(Unfit(advice.to_owned()));
        }
        // A list, never `*/2`: some crons take either day for enough only where neither begins with a star.
        let days = if self.has_both_days() { Field::listed } else { Field::stepped };
        let [day, weekday] = [days(&self.day), days(&self.weekday)];
        let [minute, hour, month] = [&self.minute, &self.hour, &self.month].map(Field::stepped);
        Ok(format!("{minute} {hour} {day} {month} {weekday}"))
    }
}

impl Field {
    fn new(values: impl IntoIterator<Item = u64>, kind: &Kind) -> Self {
        // A star of Quartz's weekdays is read with Sunday's other number, too.
        let is_known = |value: &u8| *value <= kind.last;
        let values = values.into_iter().filter_map(|value| u8::try_from(value).ok());
        let values = values.filter(is_known).collect();
        Self { values, first: kind.first, last: kind.last }
    }

    fn all(kind: &Kind) -> Self {
        Self { values: (kind.first..=kind.last).collect(), first: kind.first, last: kind.last }
    }

    pub(super) fn is_all(&self) -> bool {
        self.values.len() == usize::from(self.last - self.first) + 1
    }

    /// Which of the numbers that it may hold it does hold, from the first on.
    pub(super) fn marks(&self) -> Vec<bool> {
        (self.first..=self.last).map(|value| self.values.contains(&value)).collect()
    }

    /// The step with which they fill the whole field, from its first number.
    pub(super) fn step(&self) -> Option<u8> {
        let mut values = self.values.iter();
        let (first, second) = (values.next()?, values.next()?);
        let step = second - first;
        let whole = (self.first..=self.last).step_by(usize::from(step));
        (self.values.len() > 2 && whole.eq(self.values.iter().copied())).then_some(step)
    }

    /// `*`, `*/5` or a list.
    pub(super) fn stepped(&self) -> String {
        match self.step() {
            _ if self.is_all() => "*".to_owned(),
            Some(step) => format!("*/{step}"),
            None => self.listed(),
        }
    }

    /// `*` or `1,2,5`.
    pub(super) fn listed(&self) -> String {
        if self.is_all() {
            return "*".to_owned();
        }
        let values: Vec<String> = self.values.iter().map(ToString::to_string).collect();
        values.join(",")
    }
}

/// What a field may hold.
struct Kind {
    first: u8,
    last: u8,
}

fn unsaid(schedule: &Schedule, name: &str) -> Unfit {
    Unfit(format!(
        "the {name} of {schedule} cannot be told to this scheduler: write it with numbers, lists (1,2), ranges (1-5) and \
         steps (*/5), or let `tokenkeeper-worker daemon` keep the time, which knows it"
    ))
}

const SECOND: Kind = Kind { first: 0, last: 59 };
const MINUTE: Kind = Kind { first: 0, last: 59 };
const HOUR: Kind = Kind { first: 0, last: 23 };
const DAY: Kind = Kind { first: 1, last: 31 };
const MONTH: Kind = Kind { first: 1, last: 12 };
const WEEKDAY: Kind = Kind { first: 0, last: 6 };

#[cfg(test)]
mod tests;
