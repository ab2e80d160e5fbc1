//! Why a row may go: conditions on the row, and on rows beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Grace, Identifier, TimeEncoding};

/// Why a row may go: everything that is said here must hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What it is called in reports.
    pub name: String,
    /// The states, one of which the row is in [default: any].
    #[serde(default)]
    pub states: Vec<Value>,
    /// Columns, and the values one of which each has.
    #[serde(default)]
    pub equals: BTreeMap<Identifier, Vec<Value>>,
    /// Columns that are NULL or ''.
    #[serde(default)]
    pub absent: Vec<Identifier>,
    /// The expiries that must be past; at least one of them must be a token's that is there.
    #[serde(default)]
    pub past: Vec<String>,
    /// Rows of which one must exist.
    #[serde(default)]
    pub with: Vec<Related>,
    /// Rows of which none may exist.
    #[serde(default)]
    pub without: Vec<Related>,
    /// How long this reason waits [default: the target's grace].
    pub grace: Option<Grace>,
}

/// Rows of a table, seen from another row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Related {
    /// Their table, in the target's schema; it may be the same.
    pub table: Identifier,
    /// Their columns, and ours that they equal. NULL equals nothing.
    pub on: BTreeMap<Identifier, Identifier>,
    /// Their columns, and ours than which they are greater: whole numbers.
    #[serde(default)]
    pub after: BTreeMap<Identifier, Identifier>,
    /// Their columns, and the values one of which each has.
    #[serde(default)]
    pub equals: BTreeMap<Identifier, Vec<Value>>,
    /// Their columns that are past, and how these write time.
    #[serde(default)]
    pub past: BTreeMap<Identifier, TimeEncoding>,
    /// Rows of which one must exist, seen from theirs.
    #[serde(default)]
    pub with: Vec<Related>,
    /// Rows of which none may exist, seen from theirs.
    #[serde(default)]
    pub without: Vec<Related>,
}

/// A value that a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(untagged, expecting = "a text, a whole number, true or false")]
pub enum Value {
    /// True or false; 1 or 0 where the database has no such type.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}
