//! Numbers and times as servers really write them. None may panic, wrap or loop.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;
use tokenkeeper_shared::clock;

/// A lifetime in seconds: a number, a string, a float. Zero, negative and unreadable ones are
/// `None`: some servers mean "never" by them, some nothing at all.
pub(super) fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = number(value)?;
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// A moment: RFC 3339, a time without zone (read as UTC), or seconds or milliseconds since 1970.
pub(super) fn instant(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => written_instant(text.trim()).or_else(|| counted_instant(value)),
        _ => counted_instant(value),
    }
}

fn written_instant(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let plain = || {
        let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
        ZONELESS.iter().find_map(|format| read(format)).map(|time| time.and_utc())
    };
    zoned.ok().or_else(plain).map(|time| clock::from_millis(time.timestamp_millis()))
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast to an integer saturates")]
fn counted_instant(value: &Value) -> Option<DateTime<Utc>> {
    let count = number(value).filter(|count| *count > 0.0)?;
    let millis = if count < FIRST_MILLIS { count * 1000.0 } else { count };
    Some(clock::from_millis(millis as i64))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// As seconds this is the year 5138; as milliseconds it is 1973, before any token.
const FIRST_MILLIS: f64 = 1e11;

const ZONELESS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
