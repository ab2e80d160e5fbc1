//! What was seen during a run, as plain values. Judging it lies in `judge`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What one question of a consumer came to.
#[derive(Clone)]
pub struct Entry {
    pub consumer: usize,
    pub name: String,
    pub began: Instant,
    pub ended: Instant,
    pub came: Came,
}

#[derive(Clone)]
pub enum Came {
    Token {
        generation: i64,
        token: String,
        /// The provider's word, right after the hand-out.
        active: bool,
    },
    /// The database answered, and there was nothing to hand out.
    Refused(String),
    /// The database did not answer.
    Outage(String),
    /// What no consumer should ever say.
    Odd(String),
}

/// A worker died, or froze, while it held this row.
#[derive(Clone)]
pub struct Cut {
    pub name: String,
    pub at: Instant,
}

/// All that happened.
#[derive(Default)]
pub struct History {
    pub entries: Locked<Vec<Entry>>,
    pub cuts: Locked<Vec<Cut>>,
    /// While the database was down.
    pub outages: Locked<Vec<(Instant, Instant)>>,
    /// Runs of workers that ended badly, in words.
    pub bad_ends: Locked<Vec<String>>,
    pub deeds: Locked<Deeds>,
}

/// What the nemesis has done, and how often the workers ran.
#[derive(Clone, Copy, Default)]
pub struct Deeds {
    pub kills: u32,
    pub freezes: u32,
    pub restarts: u32,
    pub runs: u32,
}

/// A mutex whose poison is of no interest: whoever panicked has failed the run already.
#[derive(Default)]
pub struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    pub fn cut(&self, name: &str, at: Instant) {
        self.cuts.lock().push(Cut { name: name.to_owned(), at });
    }

    /// Whether the database was down at some moment between the two.
    pub fn was_down(&self, from: Instant, to: Instant) -> bool {
        self.outages.lock().iter().any(|(down, up)| *down <= to && from <= *up)
    }

    /// Whether a worker was torn from this row between the two.
    pub fn was_cut(&self, name: &str, from: Instant, to: Instant) -> bool {
        self.cuts.lock().iter().any(|cut| cut.name == name && cut.at >= from && cut.at <= to)
    }

    /// What the consumers of one token were told, a line each.
    pub fn told(&self, name: &str, start: Instant) -> Vec<(Duration, String)> {
        let entries = self.entries.lock();
        let told = entries.iter().filter(|entry| entry.name == name).map(|entry| {
            let since = |instant: Instant| instant.saturating_duration_since(start);
            let line = format!(
                "consumer {} asked at {:?}: {}",
                entry.consumer,
                since(entry.began),
                entry.came.words()
            );
            (since(entry.ended), line)
        });
        let cuts = self.cuts.lock();
        let cuts = cuts.iter().filter(|cut| cut.name == name);
        let cuts = cuts.map(|cut| (cut.at.saturating_duration_since(start), CUT.to_owned()));
        told.chain(cuts).collect()
    }
}

impl Came {
    fn words(&self) -> String {
        match self {
            Self::Token { generation, token, active } => {
                let state = if *active { "active" } else { "DEAD" };
                format!("generation {generation}, {token}, {state}")
            }
            Self::Refused(why) => format!("refused: {why}"),
            Self::Outage(why) => format!("out of reach: {why}"),
            Self::Odd(what) => format!("ODD: {what}"),
        }
    }
}

const CUT: &str = "the worker that held it was killed or frozen";
