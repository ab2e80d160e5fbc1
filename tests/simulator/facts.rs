//! What really happened, which nobody in the schedule sees: by it the invariants are judged.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock;
use uuid::Uuid;

use crate::{model_store::ModelStore, row::Line};

/// What was seen of one row.
#[derive(Debug, Default)]
pub struct RowFacts {
    /// Every access token ever committed, the newest last.
    pub committed: Vec<String>,
    /// Until when the newest of them works, as was noted when it was committed.
    pub valid_until: Option<DateTime<Utc>>,
    /// Who committed the answer to which generation.
    pub answers: HashMap<i64, Uuid>,
    /// When credentials were presented last.
    pub last_login: Option<DateTime<Utc>>,
    /// Logins whose refusal was noted in the row, and when.
    pub refused: HashMap<String, DateTime<Utc>>,
    /// Requests within the last hour.
    calls: VecDeque<DateTime<Utc>>,
    /// The most that there were in an hour.
    pub most_calls: usize,
}

/// An answer that no single death may lose any more.
#[derive(Debug, Clone)]
pub struct Safe {
    pub row: usize,
    pub attempt: Uuid,
}

/// The whole truth of a schedule.
#[derive(Debug)]
pub struct Facts {
    pub seed: u64,
    pub rows: Vec<RowFacts>,
    pub safe: Vec<Safe>,
    /// A batch of claims shares one attempt, so the row belongs to it.
    ended: HashSet<(usize, Uuid)>,
    pub violation: Option<Violation>,
    pub commits: u64,
    /// How many answers to a spent refresh token the provider gave, and how many a worker kept.
    pub issued: u64,
    pub kept: u64,
    /// A single death had an answer lost that lies in another host's journal.
    pub is_lost_by_distance: bool,
    /// A row was claimed while the answer to its last claim lay in a journal.
    pub is_replay_beaten: bool,
}

/// An invariant that did not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

impl Facts {
    pub fn new(store: &ModelStore, seed: u64) -> Self {
        let facts_of = |row: &crate::row::Row| RowFacts {
            committed: row.access_token().into_iter().collect(),
            valid_until: row.token.access_token_expires,
            ..RowFacts::default()
        };
        Self {
            seed,
            rows: store.rows.iter().map(facts_of).collect(),
            safe: Vec::new(),
            ended: HashSet::new(),
            violation: None,
            commits: 0,
            issued: 0,
            kept: 0,
            is_lost_by_distance: false,
            is_replay_beaten: false,
        }
    }

    /// A request for a row has left.
    pub fn sent(&mut self, row: usize, now: DateTime<Utc>) {
        let facts = &mut self.rows[row];
        facts.calls.push_back(now);
        while facts.calls.front().is_some_and(|call| clock::until(*call, now) >= HOUR) {
            facts.calls.pop_front();
        }
        facts.most_calls = facts.most_calls.max(facts.calls.len());
    }

    /// A worker turns to the database with an answer.
    pub fn keep(&mut self, row: usize, line: &Line) {
        self.safe.push(Safe { row, attempt: line.attempt });
        self.kept += 1;
    }

    pub fn settled(&mut self, row: usize, attempt: Uuid) {
        self.safe.retain(|safe| (safe.row, safe.attempt) != (row, attempt));
    }

    /// An answer of which neither the database nor its worker knows what became of it.
    pub fn unsettled(&self) -> Option<&Safe> {
        self.safe.iter().find(|safe| !self.is_stored(safe))
    }

    pub fn is_stored(&self, safe: &Safe) -> bool {
        self.rows[safe.row].answers.values().any(|attempt| *attempt == safe.attempt)
    }

    /// A release was applied.
    pub fn released(&mut self, row: usize, refused: Option<&str>, now: DateTime<Utc>) {
        if let Some(digest) = refused {
            self.rows[row].refused.insert(digest.to_owned(), now);
        }
    }

    /// An attempt's release was acknowledged.
    pub fn ended(&mut self, row: usize, attempt: Uuid) {
        self.ended.insert((row, attempt));
    }

    pub fn has_ended(&self, row: usize, attempt: Uuid) -> bool {
        self.ended.contains(&(row, attempt))
    }
}

const HOUR: Duration = Duration::from_secs(3600);
