//! What a look at a database brought: a value, as JSON and, by `text`, in words. Fields are only ever added.

use serde::Serialize;

use super::{Estimate, Survey};
use crate::cleanup::{dialect::Dialect, policy::Target};

/// What would be deleted of a database by one policy, and what speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The form of this value: 1.
    pub version: u32,
    /// The policy.
    pub policy: String,
    /// Where it was looked: kind, host and database.
    pub database: String,
    /// The database's UTC time, from which all cut-offs are taken.
    pub now: String,
    /// The least offset from UTC of the zone of the server's sessions, seconds.
    pub server_offset: i64,
    /// Why nothing may be deleted at all.
    pub problems: Vec<Problem>,
    /// Each table, in the order in which they are cleaned.
    pub targets: Vec<TargetPlan>,
    /// What else cleans these tables, in the database's own schedulers.
    pub other_cleaners: Vec<String>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetPlan {
    /// The policy's name for it.
    pub target: String,
    /// The table.
    pub table: String,
    /// Whether it is there.
    pub is_present: bool,
    /// Why nothing of it may be deleted.
    pub problems: Vec<Problem>,
    /// Rows in all.
    pub rows: u64,
    /// What may go, each row under the first reason that holds.
    pub reasons: Vec<ReasonPlan>,
    /// Hashes of some keys of rows that may go.
    pub sample_keys: Vec<String>,
    /// Rows that go with them.
    pub children: Vec<ChildPlan>,
    /// How long deleting them would take; none where nothing may go.
    pub estimate: Option<Estimate>,
    /// Statements that make the indexes which would help. They are never run.
    pub missing_indexes: Vec<String>,
    /// The statement that finds the rows.
    pub sql: String,
    /// The values bound to it.
    pub binds: Vec<String>,
    /// How the database would run it.
    pub explanation: Vec<String>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonPlan {
    /// Its name.
    pub reason: String,
    /// What ended before this has ended long enough ago.
    pub cut_off: String,
    /// Rows, by state.
    pub states: Vec<StateCount>,
}

/// Rows in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// The state, where the table has one.
    pub state: Option<String>,
    /// How many.
    pub rows: u64,
    /// The least time among them, as the column writes it.
    pub oldest: Option<String>,
    /// The greatest.
    pub newest: Option<String>,
}

/// Rows of another table that go with a target's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildPlan {
    /// The table.
    pub table: String,
    /// How many; where they go with the last of several parents, this is the most.
    pub rows: u64,
}

/// What speaks against deleting, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem(pub String);

impl Problem {
    pub(super) fn of_dialect(dialect: Dialect) -> Self {
        Self(format!(
            "the policy is not for {dialect}: add it to `dialects` in a copy of the policy"
        ))
    }
}

impl Plan {
    pub(super) fn new(
        survey: &Survey<'_>,
        problems: Vec<Problem>,
        targets: Vec<TargetPlan>,
        other_cleaners: Vec<String>,
    ) -> Self {
        Self {
            version: 1,
            policy: survey.policy.name.clone(),
            database: survey.database.url().to_string(),
            now: crate::report::text(survey.clock.utc()),
            server_offset: survey.clock.server_offset().num_seconds(),
            problems,
            targets,
            other_cleaners,
        }
    }

    /// Whether something speaks against deleting.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty() || self.targets.iter().any(|target| !target.problems.is_empty())
    }
}

impl TargetPlan {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            target: target.name.clone(),
            table: target.table.to_string(),
            is_present: false,
            problems: Vec::new(),
            rows: 0,
            reasons: Vec::new(),
            sample_keys: Vec::new(),
            children: Vec::new(),
            estimate: None,
            missing_indexes: Vec::new(),
            sql: String::new(),
            binds: Vec::new(),
            explanation: Vec::new(),
        }
    }

    /// How many rows may go.
    #[must_use]
    pub fn doomed(&self) -> u64 {
        self.reasons.iter().flat_map(|reason| &reason.states).map(|state| state.rows).sum()
    }
}
