//! What columns hold, and which of them say when something in a row ends.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};

use super::{Identifier, TimeEncoding};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Column {
    /// No time.
    Plain(Family),
    /// An instant.
    Time(TimeColumn),
    /// A length of time. NULL and negative ones mean "never".
    Duration(DurationColumn),
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ColumnVisitor)
    }
}

/// By hand, because serde's own error for a choice of forms would hide what is wrong inside.
struct ColumnVisitor;

impl<'de> Visitor<'de> for ColumnVisitor {
    type Value = Column;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Column, E> {
        Family::deserialize(de::value::StrDeserializer::new(text)).map(Column::Plain)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
        let written = Written::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match written {
            Written { time: Some(time), duration: None, never_from: None } => {
                Ok(Column::Time(TimeColumn { time }))
            }
            Written { time: None, duration: Some(duration), never_from } => {
                Ok(Column::Duration(DurationColumn { duration, never_from }))
            }
            _ => Err(de::Error::custom(format!("write {EXPECTED}"))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    time: Option<TimeEncoding>,
    duration: Option<Length>,
    never_from: Option<i64>,
}

/// An instant's column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeColumn {
    /// How it is written.
    pub time: TimeEncoding,
}

/// A length of time's column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DurationColumn {
    /// What it counts.
    pub duration: Length,
    /// From here on it means "never".
    pub never_from: Option<i64>,
}

/// What a length of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Length {
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// Kinds of database types, for the fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Characters.
    Text,
    /// Whole numbers.
    Integer,
    /// True and false, or 1 and 0.
    Boolean,
    /// UUID, or what stands for it.
    Uuid,
    /// No matter what.
    Any,
}

/// An end of life: one column, or a beginning and a length.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// The column with the end, or with the beginning where there is a `duration`.
    pub at: Identifier,
    /// The column with the length of life.
    pub duration: Option<Identifier>,
    /// The column with the token: NULL or '' there means that nothing lives, whatever the times say.
    pub token: Option<Identifier>,
}

const EXPECTED: &str = "\"text\", \"integer\", \"boolean\", \"uuid\", \"any\", { time = ENCODING }, \
     { duration = \"ms\" } or { duration = \"s\" }, the last two also with never_from = NUMBER";
