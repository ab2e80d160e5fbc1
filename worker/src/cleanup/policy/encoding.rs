//! How a column writes time: the difference between a correct cleaner and one that deletes live tokens.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cleanup::dialect::Dialect;

/// How a column writes an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `utc_naive`: a wall clock in UTC, in a column without a zone. In a TIMESTAMP of MySQL: what a
    /// session in the writer's time zone, the server's own, reads there.
    UtcNaive,
    /// `session_naive(ZONE)`: a wall clock in that zone, in a column without one.
    SessionNaive(Zone),
    /// `timestamptz`: an instant (`timestamp with time zone`; TIMESTAMP in MySQL; text with an offset in SQLite).
    Timestamptz,
    /// `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`: a whole number since 1970.
    Epoch(Unit),
    /// `epoch_ms_text`: milliseconds since 1970 as decimal digits.
    EpochMsText,
}

/// The zone of a naive wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The zone of the database server's sessions.
    Server,
    /// By its name in the IANA database.
    Named(Tz),
}

/// What a number of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl FromStr for Encoding {
    type Err = InvalidEncoding;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let zone = text.strip_prefix("session_naive(").and_then(|rest| rest.strip_suffix(')'));
        if let Some(name) = zone {
            let zone = if name == "server" { Some(Zone::Server) } else { named(name) };
            return zone.map(Self::SessionNaive).ok_or_else(|| InvalidEncoding::Zone(name.into()));
        }
        PLAIN
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, encoding)| *encoding)
            .ok_or_else(|| InvalidEncoding::Word(text.into()))
    }
}

fn named(name: &str) -> Option<Zone> {
    name.parse().ok().map(Zone::Named)
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionNaive(Zone::Server) => formatter.write_str("session_naive(server)"),
            Self::SessionNaive(Zone::Named(zone)) => {
                write!(formatter, "session_naive({})", zone.name())
            }
            plain => {
                let word = PLAIN.iter().find(|(_, encoding)| encoding == plain);
                formatter.write_str(word.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An encoding, or one for each database where products write differently: `{ postgres = "timestamptz",
/// other = "utc_naive" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeEncoding {
    other: Encoding,
    #[serde(flatten)]
    own: BTreeMap<Dialect, Encoding>,
}

impl TimeEncoding {
    /// The encoding on one database.
    #[must_use]
    pub fn on(&self, dialect: Dialect) -> Encoding {
        self.own.get(&dialect).copied().unwrap_or(self.other)
    }
}

impl<'de> Deserialize<'de> for TimeEncoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (other, own) = match Written::deserialize(deserializer)? {
            Written::One(text) => (text, BTreeMap::new()),
            Written::Each(mut each) => {
                let other = each.remove("other").ok_or_else(|| {
                    de::Error::custom("an encoding for each database needs `other` too")
                })?;
                (other, each)
            }
        };
        let parse = |text: &str| text.parse().map_err(de::Error::custom);
        let own = own.iter().map(|(name, text)| Ok((dialect(name)?, parse(text)?)));
        Ok(Self { other: parse(&other)?, own: own.collect::<Result<_, _>>()? })
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an encoding such as \"utc_naive\", or a table of them by database")]
enum Written {
    One(String),
    Each(BTreeMap<String, String>),
}

fn dialect<E: de::Error>(name: &str) -> Result<Dialect, E> {
    Dialect::deserialize(de::value::StrDeserializer::new(name))
}

/// A text that is no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEncoding {
    /// No word of the language.
    #[error(
        "{0:?} is no time encoding: write utc_naive, session_naive(ZONE), timestamptz, epoch_s, epoch_ms, \
         epoch_us, epoch_ns or epoch_ms_text"
    )]
    Word(String),
    /// No zone.
    #[error("{0:?} is no time zone: write server, or a name such as America/Chicago")]
    Zone(String),
}

const PLAIN: [(&str, Encoding); 7] = [
    ("utc_naive", Encoding::UtcNaive),
    ("timestamptz", Encoding::Timestamptz),
    ("epoch_s", Encoding::Epoch(Unit::S)),
    ("epoch_ms", Encoding::Epoch(Unit::Ms)),
    ("epoch_us", Encoding::Epoch(Unit::Us)),
    ("epoch_ns", Encoding::Epoch(Unit::Ns)),
    ("epoch_ms_text", Encoding::EpochMsText),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_is_shown() {
        let zones = ["session_naive(server)", "session_naive(Asia/Kolkata)"];
        for text in PLAIN.iter().map(|(name, _)| *name).chain(zones) {
            assert_eq!(text.parse::<Encoding>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_word_or_zone_is_refused_with_advice() {
        let refused = |text: &str| text.parse::<Encoding>().unwrap_err().to_string();
        assert!(refused("utc").contains("utc_naive"));
        assert!(refused("session_naive(Mars/Olympus)").contains("America/Chicago"));
    }
}
