//! The table of tokens on a plain struct: which rows the statements of `store/claim`, `store/commit`
//! and `store/refused` change; what they write lies in `row`. That it is no fiction is shown in
//! `differential`; torn writes and lost acknowledgements lie with those who call.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock, lifecycle,
    secret::Secret,
    store::{Commit, LEASE, Release},
    token::{Claimed, State, Token},
};
use uuid::Uuid;

use crate::{
    row::{Line, Row},
    rules::{Rule, Rules},
};

/// The rows.
#[derive(Debug, Clone)]
pub struct ModelStore {
    pub rows: Vec<Row>,
    pub rules: Rules,
}

impl ModelStore {
    pub fn row(&self, id: Uuid) -> &Row {
        self.rows.iter().find(|row| row.token.id == id).unwrap()
    }

    pub fn due(&self, now: DateTime<Utc>) -> Vec<Uuid> {
        let due = |row: &&Row| self.is_due(row, now);
        self.rows.iter().filter(due).map(|row| row.token.id).collect()
    }

    /// Claims those of `ids` that are still due and free.
    pub fn claim(
        &mut self,
        ids: &[Uuid],
        (attempt, worker): (Uuid, &str),
        now: DateTime<Utc>,
    ) -> Vec<Claimed> {
        let judges = self.rules.keep(Rule::ConditionalClaim);
        let mut claimed = Vec::new();
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            if ids.contains(&row.token.id) && (!judges || self.is_due(row, now)) {
                claimed.push(self.mark(at, (attempt, worker), false, now));
            }
        }
        claimed.sort_by_key(|claimed| {
            let end = claimed.token.access_token_expires;
            (end.map_or(0, |end| end.timestamp_millis()), claimed.token.id)
        });
        claimed
    }

    pub fn claim_named(
        &mut self,
        id: Uuid,
        forced: bool,
        (attempt, worker): (Uuid, &str),
        now: DateTime<Utc>,
    ) -> Option<Claimed> {
        let at = self.rows.iter().position(|row| row.token.id == id)?;
        let row = &self.rows[at].token;
        let gap = lifecycle::minimum_gap(row.lifetime().unwrap_or_default());
        let is_old = row.last_success_at.is_none_or(|last| last <= clock::before(now, gap));
        let is_kept = matches!(row.state, State::New | State::Ok) && is_old;
        let may = if forced { row.state != State::Disabled } else { is_kept };
        (may && self.is_free(row, now)).then(|| self.mark(at, (attempt, worker), forced, now))
    }

    fn is_due(&self, row: &Row, now: DateTime<Utc>) -> bool {
        let row = &row.token;
        row.refresh_at <= now
            && matches!(row.state, State::New | State::Ok)
            && self.is_free(row, now)
    }

    fn is_free(&self, row: &Token, now: DateTime<Utc>) -> bool {
        let lapsed = row.lease_until.is_none_or(|end| end <= now);
        !row.updating
            || (lapsed && self.rules.keep(Rule::LapsedLeaseFrees))
            || !self.rules.keep(Rule::LeaseCounts)
    }

    fn mark(
        &mut self,
        at: usize,
        (attempt, worker): (Uuid, &str),
        forced: bool,
        now: DateTime<Utc>,
    ) -> Claimed {
        let row = &mut self.rows[at];
        if row.token.updating && self.rules.keep(Rule::LapseIsDoubt) {
            // The claim of the one that died was the row's last change.
            row.token.uncertain_since = row.token.uncertain_since.or(Some(row.changed));
            row.token.uncertain_tries += 1;
        }
        row.changed = now;
        row.token.updating = true;
        row.attempt = Some(attempt);
        row.token.worker = Some(worker.to_owned());
        row.token.lease_until = Some(clock::after(now, LEASE));
        let refresh_token = row.refresh_token.clone().map(Secret::new);
        Claimed { token: row.token.clone(), attempt, refresh_token, forced }
    }

    pub fn commit(&mut self, line: &Line, now: DateTime<Utc>) -> Commit {
        let (by_generation, by_holder) =
            (self.rules.keep(Rule::GenerationFence), self.rules.keep(Rule::HolderFence));
        let settles = self.rules.keep(Rule::SettleByReading);
        let row = self.rows.iter_mut().find(|row| row.token.id == line.id).unwrap();
        let lapsed = row.token.lease_until.is_none_or(|end| end <= now);
        let held = row.attempt != Some(line.attempt) && row.token.updating && !lapsed;
        if (by_generation && row.token.generation != line.generation) || (by_holder && held) {
            return if settles { row.settle(line) } else { Commit::Fenced };
        }
        row.store(line);
        Commit::Stored(line.generation + 1)
    }

    /// `false` when the claim was no longer the attempt's.
    pub fn release(&mut self, claimed: &Claimed, release: &Release, now: DateTime<Utc>) -> bool {
        let own_only = self.rules.keep(Rule::ReleaseOwnOnly);
        let ends = self.rules.keep(Rule::ReleaseEndsUpdating);
        let row = self.rows.iter_mut().find(|row| row.token.id == claimed.token.id).unwrap();
        if own_only && row.attempt != Some(claimed.attempt) {
            return false;
        }
        if ends {
            row.token.updating = false;
            row.attempt = None;
            row.token.lease_until = None;
        }
        row.give_back(claimed, release, now);
        true
    }

    /// Makes a row due again whose login was refused with another digest than `login`.
    pub fn readmit(&mut self, login: &str, now: DateTime<Utc>) {
        for row in &mut self.rows {
            let is_other = row.refused_login.as_ref().is_some_and(|refused| refused != login);
            let failures = u32::try_from(row.token.failures).unwrap();
            let last = row.token.last_login_at.unwrap_or_default();
            let opens = clock::after(last, lifecycle::retry_delay(failures, Duration::ZERO));
            if row.token.state == State::NeedsLogin && is_other && now >= opens {
                let is_new = row.token.generation == 0;
                row.token.state = if is_new { State::New } else { State::Ok };
                row.refused_login = None;
                row.changed = now;
                row.token.refresh_at = now;
                row.token.next_attempt_at = None;
            }
        }
    }
}
