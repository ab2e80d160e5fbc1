//! What a stored text says about time.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::cleanup::{
    cutoff::Cut,
    dialect::Dialect,
    policy::{Encoding, Length, Unit, Zone},
};

/// An instant, or a wall time of some zone, in nanoseconds since 1970.
pub(super) struct Stored {
    nanos: i128,
    zone: Option<Zone>,
}

impl Stored {
    /// Reads a column's text; `None` where it is no time after 1970, and so says nothing.
    pub(super) fn read(text: &str, encoding: Encoding, dialect: Dialect) -> Option<Self> {
        let zone = match encoding {
            Encoding::SessionNaive(zone) => Some(zone),
            _ => None,
        };
        let nanos = match encoding {
            Encoding::Epoch(unit) => i128::from(text.parse::<i64>().ok()?) * nanos_of(unit),
            Encoding::EpochMsText => digits(text)? * nanos_of(Unit::Ms),
            Encoding::Timestamptz if dialect == Dialect::MySql => decimal_seconds(text)?,
            Encoding::Timestamptz => instant(text, true)?,
            Encoding::UtcNaive => instant(text, dialect == Dialect::Sqlite)?,
            Encoding::SessionNaive(_) => instant(text, false)?,
        };
        (nanos > 0).then_some(Self { nanos, zone })
    }

    /// Nanoseconds from then to the cut-off.
    pub(super) fn age(&self, cut: &Cut) -> i128 {
        let cut = self.zone.map_or(cut.utc().naive_utc(), |zone| cut.wall(zone));
        nanos(cut) - self.nanos
    }
}

/// Whole units in so many nanoseconds.
pub(super) fn in_units(nanos: i128, unit: Length) -> i128 {
    nanos.div_euclid(match unit {
        Length::Ms => nanos_of(Unit::Ms),
        Length::S => nanos_of(Unit::S),
    })
}

fn nanos_of(unit: Unit) -> i128 {
    match unit {
        Unit::S => 1_000_000_000,
        Unit::Ms => 1_000_000,
        Unit::Us => 1_000,
        Unit::Ns => 1,
    }
}

fn digits(text: &str) -> Option<i128> {
    let fits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn decimal_seconds(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: i128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(whole.parse::<i128>().ok()? * nanos_of(Unit::S) + fraction)
}

/// `2026-01-02 03:04:05.678`, also with `T`, without seconds or time, and with an offset where one is allowed.
fn instant(text: &str, may_have_offset: bool) -> Option<i128> {
    let date: NaiveDate = text.get(..10)?.parse().ok()?;
    let rest = text.get(10..)?.trim_start_matches(['T', ' ']);
    let sign = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(sign);
    let time = match time.trim_end() {
        "" => NaiveTime::MIN,
        time if time.len() == 5 => format!("{time}:00").parse().ok()?,
        time => time.parse().ok()?,
    };
    let naive = date.and_time(time);
    match offset {
        "" => Some(nanos(naive)),
        _ if !may_have_offset => None,
        "Z" | "z" => Some(nanos(naive)),
        offset => {
            // PostgreSQL writes +00, +05:30, and of old zones seconds too.
            let (hours, rest) = offset.get(1..)?.split_at_checked(2)?;
            let seconds = [3600, 60, 1].into_iter().zip([hours].into_iter().chain(parts(rest)));
            let sum = seconds.map(|(weight, part)| Some(weight * part.parse::<i32>().ok()?));
            let sum = sum.sum::<Option<i32>>()?;
            let east = FixedOffset::east_opt(if offset.starts_with('-') { -sum } else { sum })?;
            let instant: DateTime<FixedOffset> = naive.and_local_timezone(east).single()?;
            Some(nanos(instant.naive_utc()))
        }
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(':').filter(|part| !part.is_empty())
}

fn nanos(naive: NaiveDateTime) -> i128 {
    let utc = naive.and_utc();
    i128::from(utc.timestamp()) * nanos_of(Unit::S) + i128::from(utc.timestamp_subsec_nanos())
}
