//! What a rehearsal came to, as JSON and in words.

use std::time::Duration;

use serde::Serialize;

use super::copy::Way;
use crate::cleanup::{progress::Tally, survey::Share};

/// What a rehearsal came to. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The form of this value: 1.
    pub version: u32,
    /// The database that was copied: kind, host and database.
    pub database: String,
    /// The copy.
    pub copy: CopyReport,
    /// What came of each policy.
    pub policies: Vec<PolicyReport>,
    /// Copies that dead rehearsals had left, and that are gone now.
    pub dropped: Vec<String>,
}

/// The copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyReport {
    /// What it was called: a database, or a file.
    pub name: String,
    /// `template`, `dump` or `vacuum`.
    pub way: Way,
    /// Rows of the tables that the policies need.
    pub rows: u64,
    /// The same by table.
    pub tables: Vec<TableRows>,
    /// How long copying took, milliseconds.
    pub took_ms: u64,
    /// Bytes, before anything was deleted.
    pub size_bytes: u64,
    /// Bytes afterwards, with the backups.
    pub size_after_bytes: u64,
    /// Whether it is still there.
    pub is_kept: bool,
}

/// A table of the copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// What came of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// Its name.
    pub policy: String,
    /// `done`, `partly`, `failed`, as of a run.
    pub status: String,
    /// How long the look before it took, milliseconds.
    pub look_ms: u64,
    /// How long all of it took, milliseconds.
    pub took_ms: u64,
    /// What was done to each table that is there.
    pub targets: Vec<TargetReport>,
}

/// What was done to a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetReport {
    /// Its rows before.
    pub rows: u64,
    /// Those that may go, as the look counted them.
    pub doomed: u64,
    /// As of a run.
    #[serde(flatten)]
    pub tally: Tally,
}

impl TargetReport {
    pub(super) fn of(shares: Vec<Share>, tallies: Vec<Tally>) -> Vec<Self> {
        // A run that was ended early has not come to all.
        shares
            .into_iter()
            .zip(tallies)
            .map(|(share, tally)| Self { rows: share.rows, doomed: share.doomed, tally })
            .collect()
    }
}

impl Report {
    /// The report, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let copy = &self.copy;
        let way = match copy.way {
            Way::Template => "all of it, by the server",
            Way::Dump => "the tables that are needed, by a dump",
            Way::Vacuum => "all of it, by VACUUM INTO",
        };
        let mut lines = vec![format!("{}: rehearsed on the copy {}", self.database, copy.name)];
        lines.push(format!(
            "  copied {way}: {} rows of {} tables, {}, in {}",
            copy.rows,
            copy.tables.len(),
            bytes(copy.size_bytes),
            seconds(copy.took_ms)
        ));
        lines.extend(self.policies.iter().flat_map(PolicyReport::lines));
        let after = bytes(copy.size_after_bytes);
        let fate = if copy.is_kept { "is kept: drop it yourself" } else { "was dropped" };
        lines.push(format!("  the copy had {after} then, backups included, and {fate}"));
        lines
    }
}

impl PolicyReport {
    fn lines(&self) -> Vec<String> {
        let Self { policy, status, .. } = self;
        let (look, took) = (seconds(self.look_ms), seconds(self.took_ms));
        let mut lines =
            vec![format!("{policy}: {status} in {took}, of which the look took {look}")];
        for TargetReport { rows, doomed, tally } in &self.targets {
            lines.extend(tally.lines());
            lines.push(format!(
                "    of {rows} rows {doomed} could go; that took {}, the longest batch {} ms",
                seconds(tally.took_ms),
                tally.longest_batch_ms
            ));
        }
        lines
    }
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", Duration::from_millis(millis).as_secs_f64())
}

fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mebibytes = bytes as f64 / 1_048_576.0;
    format!("{mebibytes:.1} MiB")
}
