//! A schedule as sets of numbers, from which each platform's own way of writing is made. What these ways cannot say
//! (years, `L`, `W`, `#`, `+`) is refused here.

use std::collections::BTreeSet;

use super::job::Unfit;
use crate::cron::Schedule;

/// Which numbers each field takes; weekdays count from 0, Sunday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
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
    pub(super) fn of(schedule: &Schedule) -> Result<Self, Unfit> {
        match (schedule.fields(), schedule.interval()) {
            (Some(texts), _) => Self::of_texts(&texts),
            (None, Some(interval)) => Self::of_interval(interval.as_secs()),
            (None, None) => Err(Unfit(format!("{schedule} has no fields"))),
        }
    }

    /// Whether both a day of the month and a weekday are asked for: either is enough then.
    pub(super) fn has_both_days(&self) -> bool {
        !self.day.is_all() && !self.weekday.is_all()
    }

    fn of_texts(texts: &[&str]) -> Result<Self, Unfit> {
        let is_quartz = texts.len() == 7 || texts.iter().any(|text| text.contains('?'));
        let [second, rest @ ..] = &with_seconds(texts)[..] else { return Err(unsaid("", "field")) };
        let [minute, hour, day, month, weekday, year @ ..] = rest else {
            return Err(unsaid(second, "field"));
        };
        if let Some(year) = year.iter().find(|year| **year != "*") {
            return Err(unsaid(year, "year"));
        }
        Ok(Self {
            second: read(second, &SECOND)?,
            minute: read(minute, &MINUTE)?,
            hour: read(hour, &HOUR)?,
            day: read(day, &DAY)?,
            month: read(month, &MONTH)?,
            weekday: weekdays(
                read(weekday, if is_quartz { &QUARTZ_WEEKDAY } else { &WEEKDAY })?,
                is_quartz,
            ),
        })
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
    pub(super) fn five(&self) -> Result<String, Unfit> {
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
        let values = values.into_iter().filter_map(|value| u8::try_from(value).ok()).collect();
        Self { values, first: kind.first, last: kind.last }
    }

    fn all(kind: &Kind) -> Self {
        Self { values: (kind.first..=kind.last).collect(), first: kind.first, last: kind.last }
    }

    pub(super) fn is_all(&self) -> bool {
        self.values.len() == usize::from(self.last - self.first) + 1
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

fn with_seconds<'a>(texts: &[&'a str]) -> Vec<&'a str> {
    let second = (texts.len() == 5).then_some("0");
    second.into_iter().chain(texts.iter().copied()).collect()
}

fn weekdays(field: Field, is_quartz: bool) -> Field {
    let from_sunday = |day: u8| if is_quartz { day - 1 } else { day % 7 };
    let values = field.values.into_iter().map(from_sunday).collect();
    Field { values, first: 0, last: 6 }
}

/// What a field may hold.
struct Kind {
    name: &'static str,
    first: u8,
    last: u8,
    words: &'static [&'static str],
}

fn read(text: &str, kind: &Kind) -> Result<Field, Unfit> {
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        values.extend(part_of(part, kind).ok_or_else(|| unsaid(text, kind.name))?);
    }
    Ok(Field { values, first: kind.first, last: kind.last })
}

fn part_of(part: &str, kind: &Kind) -> Option<BTreeSet<u8>> {
    let (range, step) =
        part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let (first, last) = match (range, range.split_once('-')) {
        ("*" | "?", _) => (kind.first, kind.last),
        (_, Some((first, last))) => (number(first, kind)?, number(last, kind)?),
        (_, None) if step.is_some() => (number(range, kind)?, kind.last),
        (_, None) => (number(range, kind)?, number(range, kind)?),
    };
    let step: usize = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
    (first <= last && last <= kind.last).then(|| (first..=last).step_by(step).collect())
}

fn number(text: &str, kind: &Kind) -> Option<u8> {
    let text_upper = text.to_ascii_uppercase();
    let word = kind.words.iter().position(|word| *word == text_upper);
    match word {
        Some(at) => u8::try_from(at).ok().map(|at| at + kind.first),
        None => text.parse().ok().filter(|number| *number >= kind.first),
    }
}

fn unsaid(text: &str, name: &str) -> Unfit {
    Unfit(format!(
        "the {name} {text:?} cannot be told to this scheduler: write it with numbers, lists (1,2), ranges (1-5) and steps (*/5), \
         or let `tokenkeeper-worker daemon` keep the time, which knows it"
    ))
}

const SECOND: Kind = Kind { name: "second", first: 0, last: 59, words: &[] };
const MINUTE: Kind = Kind { name: "minute", first: 0, last: 59, words: &[] };
const HOUR: Kind = Kind { name: "hour", first: 0, last: 23, words: &[] };
const DAY: Kind = Kind { name: "day of the month", first: 1, last: 31, words: &[] };
const MONTH: Kind = Kind {
    name: "month",
    first: 1,
    last: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// 7 is Sunday again.
const WEEKDAY: Kind = Kind { name: "weekday", first: 0, last: 7, words: DAYS };
const QUARTZ_WEEKDAY: Kind = Kind { name: "weekday", first: 1, last: 7, words: DAYS };

#[cfg(test)]
mod tests;
