//! How far a run has come: saved with each batch, so that whoever takes a run up goes on where it was.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{archive::Mark, policy::Identifier, walk::Position};

/// How far a run has come. Fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Progress {
    /// The number of the target that is at work.
    pub target: usize,
    /// Which walk over its table this is, from 0 on.
    pub pass: u32,
    /// Where the walk is.
    pub position: Position,
    /// The walk has come to the end.
    pub is_over: bool,
    /// The number of the last batch.
    pub batch: u64,
    /// The same when the target's turn came.
    pub began_with: u64,
    /// What was done to each target.
    pub targets: Vec<Tally>,
    /// The file that deleted rows are kept in, where they are.
    #[serde(default)]
    pub file: Option<Mark>,
    /// When the backup was given up because it was old, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up_at: Option<String>,
    /// How long the run has waited for replicas, milliseconds, by replica.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waited_ms: BTreeMap<String, u64>,
}

/// How many rows a run has deleted, for whoever watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Far {
    /// So far.
    pub deleted: u64,
    /// In the end, as far as was known when it began; 0 before it has begun.
    pub all: u64,
    /// What it waits for, and for how long it has.
    pub waiting: Option<(String, Duration)>,
}

/// What was done to a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Tally {
    /// The policy's name for it.
    pub target: String,
    /// Its table.
    pub table: String,
    /// Rows deleted of it.
    pub deleted: u64,
    /// The same by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Rows deleted of its children, by table.
    pub children: BTreeMap<String, u64>,
    /// The longest that one batch held its locks, milliseconds.
    pub longest_batch_ms: u64,
    /// What all batches took together, milliseconds.
    #[serde(default)]
    pub took_ms: u64,
    /// Rows passed over because they failed again and again: where, and why.
    pub skipped: Vec<String>,
    /// Rows left that are dead: locked by others, passed over, or dead only since.
    pub left: u64,
    /// What a look at the backup came to; none without a backup.
    pub verified: Option<Verified>,
    /// The number of the last batch before the first of this target.
    #[serde(default)]
    pub began_with: u64,
    /// The tables whose rows were kept: parents before their children, as rows are brought back.
    #[serde(default)]
    pub backups: Vec<BackedUp>,
}

/// What was kept of a table, by the names that the database has: all that bringing rows back needs to know,
/// whatever becomes of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct BackedUp {
    /// Its schema, unless the connection's own.
    pub schema: Option<Identifier>,
    /// The table.
    pub table: Identifier,
    /// The columns whose values were kept.
    pub columns: Vec<Identifier>,
    /// Those of whose values hashes were kept.
    pub hashed: Vec<Identifier>,
    /// Those of which nothing was kept.
    pub dropped: Vec<Identifier>,
    /// Whose rows its rows belong to; none: it is the target's own.
    pub parent: Option<ParentOf>,
}

impl BackedUp {
    /// Why rows of it cannot be brought back.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let states = [(&self.hashed, "holds nothing but hashes"), (&self.dropped, "holds nothing")];
        let lost = states.into_iter().filter(|(columns, _)| !columns.is_empty());
        lost.map(|(columns, state)| {
            let names: Vec<_> = columns.iter().map(ToString::to_string).collect();
            let (table, names) = (&self.table, names.join(", "));
            format!("the backup of {table} {state} of {names}, and nobody can make values of that")
        })
        .collect()
    }
}

/// A table whose rows others belong to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ParentOf {
    /// The table, in the same schema.
    pub table: Identifier,
    /// The child's columns, and the parent's that they equal.
    pub on: BTreeMap<Identifier, Identifier>,
}

/// What a look at a target's backup came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Verified {
    /// Rows in the backups of the target and its children.
    pub backed_up: u64,
    /// Deleted rows that were judged once more.
    pub judged: u64,
    /// Those of them that should have stayed: a defect.
    pub misjudged: u64,
}

impl Progress {
    /// The tally of the target at work.
    pub fn tally(&mut self, target: &str, table: &str) -> &mut Tally {
        let at = self.targets.iter().position(|tally| tally.target == target);
        let at = at.unwrap_or_else(|| {
            let (target, table) = (target.to_owned(), table.to_owned());
            self.targets.push(Tally { target, table, ..Tally::default() });
            self.targets.len() - 1
        });
        &mut self.targets[at]
    }

    /// Begins a walk over the same table again.
    pub fn again(&mut self) {
        self.pass += 1;
        self.position = Position::default();
        self.is_over = false;
    }

    /// Goes on to the next target.
    pub fn next(&mut self) {
        let batch = self.batch;
        let targets = std::mem::take(&mut self.targets);
        let target = self.target + 1;
        let (file, waited_ms) = (self.file.take(), std::mem::take(&mut self.waited_ms));
        let began_with = batch;
        *self = Self { target, batch, began_with, targets, file, waited_ms, ..Self::default() };
    }

    /// Notes that the run has waited for a replica.
    pub fn waited(&mut self, replica: &str, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let waited = self.waited_ms.entry(replica.to_owned()).or_default();
        *waited = waited.saturating_add(millis);
    }

    /// Rows deleted in all, children not counted.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.targets.iter().map(|tally| tally.deleted).sum()
    }
}

impl Tally {
    /// Whether the backup holds what was deleted, and nothing that should have stayed. Also true where
    /// nothing was backed up.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified.as_ref().is_none_or(|verified| {
            verified.misjudged == 0 && verified.backed_up == self.deleted_in_all()
        })
    }

    /// Rows deleted, children included.
    #[must_use]
    pub fn deleted_in_all(&self) -> u64 {
        self.deleted + self.children.values().sum::<u64>()
    }
}

impl Verified {
    /// Adds what another look came to.
    pub fn add(&mut self, other: &Self) {
        self.backed_up += other.backed_up;
        self.judged += other.judged;
        self.misjudged += other.misjudged;
    }
}
