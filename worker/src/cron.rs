//! When something is to be done again: cron expressions and fixed intervals, as values. Who waits for the
//! instants, and what is done then, is no business of this room.

mod expression;
mod zone;

use std::{fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{Cron, CronPattern};

pub use self::zone::zone;

/// Instants that come again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    zone: Tz,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    /// What any of these says.
    Clock(Vec<Cron>),
    /// The multiples of so many seconds since 1970: all hosts agree on them.
    Every(i64),
}

/// Why something is no schedule, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongSchedule(String);

impl Schedule {
    /// Reads five fields (minute, hour, day of the month, month, weekday), six (a second before them) or seven
    /// (and a year behind), a word such as `@daily`, or `@every 30m`. Where there are seven fields or a `?` they are
    /// Quartz's, whose weekdays count from 1, Sunday; else 0 and 7 are Sunday.
    ///
    /// # Errors
    /// [`WrongSchedule`] names the field.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, WrongSchedule> {
        let text = text.trim();
        let rule = match text.strip_prefix("@every").filter(|rest| rest.starts_with(' ')) {
            Some(interval) => Rule::Every(every(interval.trim())?),
            None => Rule::Clock(expression::parse(text)?),
        };
        let schedule = Self { text: text.to_owned(), zone, rule };
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(WrongSchedule(format!("{text:?} never comes: there is no such day"))),
        }
    }

    /// The zone whose clocks are meant.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The time between two instants of an `@every`, which no clock decides.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        match self.rule {
            Rule::Every(seconds) => Some(Duration::from_secs(seconds.unsigned_abs())),
            Rule::Clock(_) => None,
        }
    }

    /// What its fields say, once for each of a list of fixed times; nothing for an `@every`.
    #[must_use]
    pub fn patterns(&self) -> Vec<&CronPattern> {
        match &self.rule {
            Rule::Clock(crons) => crons.iter().map(|cron| &cron.pattern).collect(),
            Rule::Every(_) => Vec::new(),
        }
    }

    /// The first instant after this one. A time of day that is left out when clocks go forward comes when they have;
    /// one that comes twice when they go back is taken the first time. `None`: there is none any more.
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Every(seconds) => multiple(instant, *seconds, 1),
            Rule::Clock(crons) => {
                let from = instant.with_timezone(&self.zone);
                let next = |cron: &Cron| cron.find_next_occurrence(&from, false).ok();
                crons.iter().filter_map(next).min().map(|next| next.to_utc())
            }
        }
    }

    /// The last instant up to this one, and this one too. It is looked for after `from` only.
    #[must_use]
    pub fn last_within(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Forward alone, so that there is one judgement of clocks that change; from ever nearer, so that a year of
        // seconds is no walk.
        let mut reach = TimeDelta::seconds(1);
        loop {
            let begin = from.max(to.checked_sub_signed(reach)?);
            if self.next_after(begin).is_some_and(|next| next <= to) {
                return self.walk(begin, to);
            }
            if begin == from {
                return None;
            }
            reach = reach * 4;
        }
    }

    fn walk(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let instants = std::iter::successors(Some(from), |last| self.next_after(*last));
        instants.skip(1).take_while(|instant| *instant <= to).last()
    }

    /// The next `count` instants after this one.
    #[must_use]
    pub fn upcoming(&self, after: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
            .take(count)
            .collect()
    }

    /// An instant as people of this schedule's zone read it.
    #[must_use]
    pub fn shown(&self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.zone).format("%a %Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.zone)
    }
}

fn every(text: &str) -> Result<i64, WrongSchedule> {
    let wrong = || {
        let message = "`@every` takes a time of whole seconds up to a year, such as `@every 30m`";
        WrongSchedule(message.to_owned())
    };
    let interval = humantime::parse_duration(text).map_err(|_| wrong())?;
    let is_whole = interval.subsec_nanos() == 0 && !interval.is_zero();
    if !is_whole || interval > LONGEST {
        return Err(wrong());
    }
    i64::try_from(interval.as_secs()).map_err(|_| wrong())
}

fn multiple(instant: DateTime<Utc>, seconds: i64, step: i64) -> Option<DateTime<Utc>> {
    let number = instant.timestamp().div_euclid(seconds).checked_add(step)?;
    DateTime::from_timestamp(number.checked_mul(seconds)?, 0)
}

/// What is rarer has a date.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
mod tests;
