//! Which backups were given up, as JSON and in words.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Backup, Retention};
use crate::cleanup::ledger::Told;

/// What came of it. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The form of this value: 1.
    pub version: u32,
    /// Whether rows were counted only.
    pub is_dry: bool,
    /// Backups of runs that ended before, UTC.
    pub before: String,
    /// The runs of which there were rows.
    pub runs: Vec<AgedRun>,
}

/// A run whose backup is old enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgedRun {
    /// Its id.
    pub run: String,
    /// Its policy.
    pub policy: String,
    /// When it ended.
    pub ended_at: String,
    /// Rows in the backup tables, children included.
    pub rows: u64,
    /// Those of them that are gone.
    pub given_up: u64,
    /// Whether they stay: the run failed, and they may tell why; or it is being restored.
    pub is_kept: bool,
}

impl Report {
    pub(super) fn new(
        retention: &Retention<'_>,
        runs: &BTreeMap<String, Told>,
        held: &BTreeMap<Backup, BTreeMap<String, u64>>,
    ) -> Self {
        let aged = runs.values().map(|told| AgedRun {
            run: told.run.clone(),
            policy: told.policy.clone(),
            ended_at: told.ended_at.clone().unwrap_or_default(),
            rows: held.values().filter_map(|of| of.get(&told.run)).sum(),
            given_up: 0,
            is_kept: !OVER.contains(&told.status.as_str()),
        });
        Self {
            version: 1,
            is_dry: retention.is_dry,
            before: crate::report::text(retention.before),
            runs: aged.filter(|aged| aged.rows > 0).collect(),
        }
    }

    /// Whether all is gone that was to go.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_dry || self.runs.iter().all(|aged| aged.is_kept || aged.given_up >= aged.rows)
    }

    /// The report, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let runs = self.runs.iter().filter(|aged| !aged.is_kept);
        let rows: u64 = runs.clone().map(|aged| aged.rows).sum();
        let (before, number) = (&self.before, runs.count());
        let mut lines = vec![if self.is_dry {
            format!("backups of {number} runs that ended before {before}: {rows} rows would go")
        } else {
            let gone: u64 = self.runs.iter().map(|aged| aged.given_up).sum();
            format!(
                "backups of {number} runs that ended before {before}: {gone} of {rows} rows are gone"
            )
        }];
        lines.extend(self.runs.iter().map(AgedRun::line));
        lines
    }
}

impl AgedRun {
    fn line(&self) -> String {
        let Self { run, policy, ended_at, rows, .. } = self;
        let fate = if self.is_kept {
            "; kept: the run failed or is being restored, see `tokenkeeper-worker cleanup history`"
        } else {
            ""
        };
        format!("  {policy}: run {run}, ended {ended_at}: {rows} rows{fate}")
    }
}

/// A failed run's backup may tell what went wrong, and one that is being restored is needed.
const OVER: [&str; 4] = ["done", "partly", "restored", "restored_partly"];
