//! A worker's runs as a timer starts them: replay, look, claim, and the end. What becomes of a claim
//! lies in `task`; the steps are those of the real `pass`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::{clock, store::Commit, token::Claimed};
use uuid::Uuid;

use crate::{
    blow::Fate,
    journal::Written,
    nemesis::Kind,
    rules::Rule,
    setting::Setting,
    task::Task,
    world::{World, say},
};

/// One worker.
#[derive(Debug)]
pub struct Worker {
    pub name: String,
    pub host: usize,
    /// The run under way; zero when there is none.
    pub process: u64,
    pub frozen_until: DateTime<Utc>,
    /// When it goes on, while no task does.
    pub at: DateTime<Utc>,
    /// Where its timer's beat lies.
    beat: DateTime<Utc>,
    stage: Stage,
    /// After this its run begins nothing new.
    pub deadline: DateTime<Utc>,
    pub tasks: Vec<Task>,
}

/// Where a run stands.
#[derive(Debug, Clone)]
enum Stage {
    Idle,
    Replay(Vec<Written>),
    Claim(Vec<Uuid>),
    Force(usize),
    Working,
}

impl Worker {
    pub fn new(number: usize, setting: &Setting, now: DateTime<Utc>, rng: &mut Rng) -> Self {
        // Timers on one beat race; others do not.
        let phase = if rng.bool() { 0 } else { rng.u64(0..setting.interval.as_secs()) };
        let beat = clock::after(now, Duration::from_secs(phase));
        Self {
            name: format!("worker-{number}"),
            host: number % setting.hosts,
            process: 0,
            frozen_until: now,
            at: beat,
            beat,
            stage: Stage::Idle,
            deadline: now,
            tasks: Vec::new(),
        }
    }

    /// The run is over, or dead; the timer starts the next.
    fn end(&mut self, interval: Duration, now: DateTime<Utc>) {
        while self.beat <= now {
            self.beat = clock::after(self.beat, interval);
        }
        (self.process, self.stage, self.at) = (0, Stage::Idle, self.beat);
        self.tasks.clear();
    }
}

impl World {
    pub fn work(&mut self, number: usize) {
        match self.workers[number].stage.clone() {
            Stage::Idle => self.begin_run(number),
            Stage::Replay(orphans) => self.replay(number, orphans),
            Stage::Claim(ids) => {
                let mark = (self.draw_attempt(), self.workers[number].name.clone());
                self.claim(number, |world| world.store.claim(&ids, (mark.0, &mark.1), world.now));
            }
            Stage::Force(row) => {
                let mark = (self.draw_attempt(), self.workers[number].name.clone());
                let id = self.store.rows[row].token.id;
                self.claim(number, |world| {
                    let now = world.now;
                    let claimed = world.store.claim_named(id, true, (mark.0, &mark.1), now);
                    claimed.into_iter().collect()
                });
            }
            Stage::Working => self.end_run(number),
        }
    }

    /// `refresh NAME --force` on a host whose worker is idle.
    pub fn force(&mut self, row: usize) {
        let idle = self.workers.iter().position(|worker| worker.process == 0);
        if let Some(number) = idle {
            self.start_process(number);
            self.go_on(number, Stage::Force(row));
        }
    }

    pub fn draw_attempt(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.draw_number()) << 64 | 1)
    }

    fn begin_run(&mut self, number: usize) {
        let process = self.start_process(number);
        let host = self.workers[number].host;
        let orphans =
            if self.keeps(Rule::Replay) { self.journals[host].adopt(process) } else { Vec::new() };
        if orphans.is_empty() {
            self.look(number);
        } else {
            self.go_on(number, Stage::Replay(orphans));
        }
    }

    fn start_process(&mut self, number: usize) -> u64 {
        let process = self.draw_number();
        let worker = &mut self.workers[number];
        worker.process = process;
        worker.deadline = clock::after(self.now, DEADLINE);
        process
    }

    fn go_on(&mut self, number: usize, stage: Stage) {
        let at = self.soon();
        let worker = &mut self.workers[number];
        (worker.stage, worker.at) = (stage, at);
    }

    fn replay(&mut self, number: usize, mut orphans: Vec<Written>) {
        let Some(first) = orphans.pop() else {
            return self.look(number);
        };
        let Some(strike) = self.struck(number, Kind::Store) else { return };
        match self.commit(&first.line, self.fate(strike)) {
            None => self.end_run(number),
            Some(commit) => {
                say!(
                    self,
                    "worker {number} replays attempt {}: {commit:?}",
                    short(first.line.attempt)
                );
                if commit != Commit::Held {
                    self.settled(self.workers[number].host, &first.line, commit);
                }
                self.go_on(number, Stage::Replay(orphans));
            }
        }
        self.strike_after(number, strike);
    }

    /// Credentials that have changed, and what is due. An idle run costs no chance for a fault.
    fn look(&mut self, number: usize) {
        if self.now < self.outage {
            return self.end_run(number);
        }
        self.store.readmit(&self.login_digest(), self.now);
        let due = self.store.due(self.now);
        if due.is_empty() {
            return self.end_run(number);
        }
        self.go_on(number, Stage::Claim(due));
    }

    fn claim(&mut self, number: usize, claim: impl FnOnce(&mut Self) -> Vec<Claimed>) {
        let Some(strike) = self.struck(number, Kind::Store) else { return };
        let fate = self.fate(strike);
        let claimed = if fate == Fate::Torn { Vec::new() } else { claim(self) };
        for claimed in &claimed {
            let row = &claimed.token;
            let mut folders = self.journals.iter();
            self.facts.is_replay_beaten |= folders.any(|f| f.answers(row.id, row.generation));
            say!(
                self,
                "worker {number} claims {} generation {} as {}, doubts {} ({fate:?})",
                row.name,
                row.generation,
                short(claimed.attempt),
                row.uncertain_tries
            );
        }
        if fate != Fate::Done || claimed.is_empty() {
            self.end_run(number);
            return;
        }
        let at = self.claim_told();
        for claimed in claimed {
            let row = self.store.rows.iter().position(|row| row.token.id == claimed.token.id);
            self.workers[number].tasks.push(Task::begin(row.unwrap(), claimed, at));
        }
        self.workers[number].stage = Stage::Working;
        self.strike_after(number, strike);
    }

    /// A claim may be slow: what it leaves of the lease is judged before a request.
    fn claim_told(&mut self) -> DateTime<Utc> {
        if self.rng.u8(0..8) == 0 && !self.nemesis.is_over {
            self.lag(Duration::ZERO, SLOWEST_CLAIM)
        } else {
            self.soon()
        }
    }

    pub fn end_run(&mut self, number: usize) {
        let (worker, now) = (&mut self.workers[number], self.now);
        self.journals[worker.host].leave(worker.process);
        worker.end(self.setting.interval, now);
    }

    /// The digest of the login that is configured now.
    pub fn login_digest(&self) -> String {
        login_digest(self.password)
    }
}

pub fn login_digest(password: u32) -> String {
    format!("login-{password}")
}

/// An attempt's number, for the trace.
pub fn short(attempt: Uuid) -> u128 {
    attempt.as_u128() >> 64
}

/// A run's own: `[run] deadline`.
const DEADLINE: Duration = Duration::from_secs(300);
/// So that even the release of a claim that comes too late lands before its lease has lapsed.
const SLOWEST_CLAIM: Duration = Duration::from_secs(50);
