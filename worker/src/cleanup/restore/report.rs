//! What came back, as JSON and in words.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Conflict, way::Way};
use crate::cleanup::{ledger::Told, progress::Tally};

/// What came back of a run. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The form of this value: 1.
    pub version: u32,
    /// The run.
    pub run: String,
    /// Its policy.
    pub policy: String,
    /// Whether rows were counted only.
    pub is_dry: bool,
    /// Whether somebody asked to stop before the end.
    pub is_stopped: bool,
    /// Rows that the run deleted, that are not back, and that the backups do not hold.
    pub missing: u64,
    /// The tables.
    pub tables: Vec<TableReport>,
}

/// What came back of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// Where its rows were kept.
    pub backup: String,
    /// Rows that were there.
    pub rows: u64,
    /// Those that are back.
    pub restored: u64,
    /// Those that stay there, and why.
    pub conflicts: BTreeMap<Conflict, u64>,
}

impl Report {
    pub(super) fn new(told: &Told, is_dry: bool, ways: &[Way]) -> Self {
        let deleted: u64 = told.progress.targets.iter().map(Tally::deleted_in_all).sum();
        let found: u64 = ways.iter().map(|way| way.rows).sum();
        let mut report = Self {
            version: 1,
            run: told.run.clone(),
            policy: told.policy.clone(),
            is_dry,
            is_stopped: false,
            missing: deleted.saturating_sub(told.restored).saturating_sub(found),
            tables: Vec::new(),
        };
        for way in ways {
            report.table(way).rows += way.rows;
        }
        report
    }

    pub(super) fn table(&mut self, way: &Way) -> &mut TableReport {
        let table = way.of.table.as_str();
        let at = self.tables.iter().position(|each| each.table == table);
        let at = at.unwrap_or_else(|| {
            self.tables.push(TableReport {
                table: table.to_owned(),
                backup: way.backup.to_string(),
                rows: 0,
                restored: 0,
                conflicts: BTreeMap::new(),
            });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    /// Whether nothing stays behind: what did not come back by this restore, another one brought meanwhile.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let has_none = |table: &TableReport| table.conflicts.is_empty();
        self.missing == 0 && !self.is_stopped && self.tables.iter().all(has_none)
    }

    /// The report, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { run, policy, missing, .. } = self;
        let rows: u64 = self.tables.iter().map(|table| table.rows).sum();
        let restored: u64 = self.tables.iter().map(|table| table.restored).sum();
        let mut lines = vec![if self.is_dry {
            format!("{policy}: run {run}, {rows} rows can be tried")
        } else {
            format!("{policy}: run {run}, {restored} of {rows} rows are back")
        }];
        for TableReport { table, backup, rows, restored, conflicts } in &self.tables {
            lines.push(if self.is_dry {
                format!("  {table}: {rows} in {backup}")
            } else {
                format!("  {table}: {restored} of {rows}")
            });
            let stay = |(why, rows): (&Conflict, &u64)| {
                format!("    {rows} in {backup} still: {}", why.words())
            };
            lines.extend(conflicts.iter().map(stay));
        }
        if *missing > 0 {
            lines.push(format!(
                "  {missing} rows are not in the backups: was a backup table renamed, or emptied?"
            ));
        }
        lines
    }
}

impl TableReport {
    pub(super) fn conflict(&mut self, why: Conflict, rows: u64) {
        if rows > 0 {
            *self.conflicts.entry(why).or_default() += rows;
        }
    }
}
