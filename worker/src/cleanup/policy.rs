//! What may be deleted of a product's tables, as data: the same language for the policies that are
//! shipped and for a user's own. `docs/cleanup-policies.md` explains it; `check` holds what serde cannot.

mod check;
mod column;
mod encoding;
mod grace;
mod identifier;
mod parse;
mod reason;
mod shipped;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{
    check::{NAMES, is_name},
    column::{Column, DurationColumn, Expiry, Family, Length, TimeColumn},
    encoding::{Encoding, InvalidEncoding, TimeEncoding, Unit, Zone},
    grace::Grace,
    identifier::{Case, Identifier, InvalidIdentifier},
    parse::PolicyError,
    reason::{Reason, Related, Value},
    shipped::{load, shipped},
};
use super::dialect::Dialect;

/// The rules for one product's family of tables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What it is called on the command line.
    pub name: String,
    /// Whose tables these are.
    pub product: String,
    /// The versions of the product that have these tables.
    pub versions: String,
    /// The databases that the product runs on, and how far the policy has been tried there.
    pub dialects: BTreeMap<Dialect, Mark>,
    /// How the product's scripts write names.
    #[serde(default)]
    pub case: Case,
    /// What an operator should know.
    #[serde(default)]
    pub notes: String,
    /// The product's own task that does the same. No part of what a run is known by: it deletes nothing.
    #[serde(default, skip_serializing)]
    pub builtin: Option<Builtin>,
    /// The tables, in the order in which they are cleaned.
    #[serde(rename = "target")]
    pub targets: Vec<Target>,
}

/// How to switch off the product's own task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Builtin {
    /// Where its setting is.
    pub place: String,
    /// What to write there.
    pub off: String,
    /// What to know before.
    #[serde(default)]
    pub note: String,
}

/// How far a policy has been tried on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Its statements run against that database in the tests.
    RunAgainst,
    /// Its statements are only generated.
    GeneratedOnly,
}

/// One table that is cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What it is called in reports.
    pub name: String,
    /// The schema (in MySQL the database), unless the connection's own.
    pub schema: Option<Identifier>,
    /// The table.
    pub table: Identifier,
    /// Older versions of the product have no such table: passed over then.
    #[serde(default)]
    pub optional: bool,
    /// The columns of the primary key.
    pub key: Vec<Identifier>,
    /// The column that counts are split by.
    pub state: Option<Identifier>,
    /// How long a dead row is kept: covers clock skew, and questions about it.
    pub grace: Grace,
    /// The columns that the rules read, and what they hold; a table that differs is not touched.
    pub columns: BTreeMap<Identifier, Column>,
    /// The ends of life in a row.
    #[serde(default)]
    pub expiries: BTreeMap<String, Expiry>,
    /// What becomes of token values in backups.
    #[serde(default)]
    pub secrets: BTreeMap<Identifier, Treatment>,
    /// Tables whose rows go with this one's, in the order in which they are deleted.
    #[serde(default, rename = "child")]
    pub children: Vec<Child>,
    /// Why a row may go. The first that holds counts.
    #[serde(rename = "reason")]
    pub reasons: Vec<Reason>,
    /// Indexes that help.
    #[serde(default, rename = "index")]
    pub indexes: Vec<Index>,
    /// What the product's own clean-up does, for comparison.
    pub vendor: Option<Vendor>,
}

/// What becomes of a token value in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// Kept: the backup holds bearer tokens then.
    Keep,
    /// Its SHA-256.
    Hash,
    /// Left out.
    Drop,
}

/// A table whose rows go with their parent's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    /// The table, in the target's schema.
    pub table: Identifier,
    /// Another child that is the parent [default: the target].
    pub parent: Option<Identifier>,
    /// Its columns, and the parent's that they equal.
    pub on: BTreeMap<Identifier, Identifier>,
    /// The database deletes them by itself (ON DELETE CASCADE). They are deleted by us first anyway.
    #[serde(default)]
    pub cascade: bool,
    /// Older versions of the product have no such table.
    #[serde(default)]
    pub optional: bool,
    /// Deleted after the parent, and only where no row of the parent with these values is left: for
    /// tables without a foreign key whose parent has several rows.
    #[serde(default)]
    pub orphaned: bool,
    /// What becomes of token values in backups.
    #[serde(default)]
    pub secrets: BTreeMap<Identifier, Treatment>,
}

/// An index that helps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The name to give it.
    pub name: Identifier,
    /// The table [default: the target's].
    pub table: Option<Identifier>,
    /// The columns, in order.
    pub columns: Vec<Identifier>,
}

/// What the product's own clean-up does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// In words, with what cannot be said in this language.
    pub note: String,
    /// Its reasons, as far as this language can say them.
    #[serde(default, rename = "reason")]
    pub reasons: Vec<Reason>,
}

impl Target {
    /// How long a row is kept for `reason`.
    #[must_use]
    pub fn grace(&self, reason: &Reason) -> Duration {
        reason.grace.unwrap_or(self.grace).duration()
    }
}

#[cfg(test)]
mod tests;
