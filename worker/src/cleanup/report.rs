//! What a run came to, as JSON and in words.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    cutoff::DatabaseClock,
    drive::Ended,
    lag,
    ledger::{Run, Told},
    progress::Tally,
};

/// What a run came to. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The form of this value: 1.
    pub version: u32,
    /// The policy.
    pub policy: String,
    /// The run's id.
    pub run: String,
    /// Its slot.
    pub slot: String,
    /// `done`, `partly`, `failed`; `running` where somebody else is at it; `not_begun`, without a run.
    pub status: String,
    /// Whether it was somebody else's run, so that this one did nothing.
    pub is_another: bool,
    /// Who is at it, or was.
    pub runner: String,
    /// The cut-off before any grace, UTC.
    pub cut_off: String,
    /// What was done to each target.
    pub targets: Vec<Tally>,
    /// Why the run was not begun, or ended early: the hours of `--window`, the stop file, or a
    /// replica that lags.
    pub held_back: Option<String>,
    /// How long the run has waited for replicas, milliseconds, by replica.
    pub waited_ms: BTreeMap<String, u64>,
}

impl Report {
    /// Of a run of ours.
    #[must_use]
    pub fn ours(policy: &str, run: &Run, ended: Ended, runner: &str) -> Self {
        let status = match ended {
            Ended::Done => "done",
            Ended::Partly => "partly",
            Ended::Unverified => "failed",
            Ended::Fenced => "running",
        };
        Self {
            version: 1,
            policy: policy.to_owned(),
            run: run.id.clone(),
            slot: run.slot.clone(),
            status: status.to_owned(),
            is_another: ended == Ended::Fenced,
            runner: runner.to_owned(),
            cut_off: crate::report::text(run.clock.utc()),
            targets: run.progress.targets.clone(),
            held_back: None,
            waited_ms: run.progress.waited_ms.clone(),
        }
    }

    /// Of somebody else's, or an earlier one.
    #[must_use]
    pub fn told(told: Told) -> Self {
        Self {
            version: 1,
            policy: told.policy,
            run: told.run,
            slot: told.slot,
            status: told.status,
            is_another: true,
            runner: told.runner,
            cut_off: told.cut_off,
            targets: told.progress.targets,
            held_back: None,
            waited_ms: told.progress.waited_ms,
        }
    }

    /// Of a run that was not begun.
    #[must_use]
    pub fn held_back(
        policy: &str,
        slot: String,
        runner: String,
        clock: DatabaseClock,
        why: String,
    ) -> Self {
        Self {
            version: 1,
            policy: policy.to_owned(),
            run: String::new(),
            slot,
            status: "not_begun".to_owned(),
            is_another: false,
            runner,
            cut_off: crate::report::text(clock.utc()),
            targets: Vec::new(),
            held_back: Some(why),
            waited_ms: BTreeMap::new(),
        }
    }

    /// The report, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { policy, slot, status, runner, .. } = self;
        if self.is_another {
            let state = if status == "running" { "is being cleaned" } else { "was cleaned" };
            return vec![format!("{policy}: slot {slot} {state} by {runner} ({status})")];
        }
        let why = self.held_back.as_deref();
        if let (true, Some(why)) = (self.run.is_empty(), why) {
            return vec![format!("{policy}: not begun: {why}")];
        }
        let mut lines = vec![format!("{policy}: {status}, slot {slot}, run {}", self.run)];
        lines.extend(self.targets.iter().flat_map(Tally::lines));
        lines.extend(waited(&self.waited_ms));
        lines.extend(why.map(|why| format!("  ended early: {why}")));
        lines
    }
}

/// How long each replica was waited for, for people. What took no second is not worth a line.
pub fn waited(waited_ms: &BTreeMap<String, u64>) -> impl Iterator<Item = String> {
    let waited = waited_ms.iter().map(|(replica, ms)| (replica, Duration::from_millis(*ms)));
    waited
        .filter(|(_, time)| time.as_secs() > 0)
        .map(|(replica, time)| format!("  waited {} for the replica {replica}", lag::shown(time)))
}

impl Tally {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("  {} ({}): {} rows deleted", self.target, self.table, self.deleted)];
        let reasons = self.reasons.iter();
        lines.extend(reasons.map(|(reason, rows)| format!("    {reason}: {rows}")));
        let children = self.children.iter().filter(|(_, rows)| **rows > 0);
        lines.extend(children.map(|(table, rows)| format!("    with them {rows} rows of {table}")));
        if let Some(of) = &self.verified {
            let backed_up = of.backed_up;
            lines.push(format!("    backed up: {backed_up}, judged again: {}", of.judged));
        }
        if !self.is_verified() {
            lines.push(
                "    THE BACKUP DOES NOT BEAR THIS OUT: stop cleaning, keep the backup tables, report it"
                    .to_owned(),
            );
        }
        if self.left > 0 {
            let left = self.left;
            lines.push(format!(
                "    {left} dead rows are left: locked, passed over, or not reached; the next run takes them"
            ));
        }
        lines.extend(self.skipped.iter().map(|why| format!("    passed over: {why}")));
        lines
    }
}
