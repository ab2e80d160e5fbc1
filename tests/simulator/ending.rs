//! How a task ends: the answer kept in the journal and committed, or the row given back, as
//! `exchange/ending` does it. What led there lies in `task`.

#![expect(clippy::unnecessary_wraps, reason = "each step says in one shape what follows")]

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{clock, store::Commit};
use tokenkeeper_worker::{
    attempt::{GiveBack, ToCommit},
    outcome::Class,
};

use crate::{
    blow::Fate,
    nemesis::Strike,
    row::Line,
    rules::Rule,
    task::{Following, Kept, Task, Todo},
    worker::short,
    world::{World, say},
};

impl World {
    pub fn keep_answer(
        &mut self,
        number: usize,
        task: &Task,
        commit: ToCommit,
        strike: Strike,
    ) -> Following {
        let ToCommit { new, refresh_at, .. } = commit;
        let prepared = self.sealing.prepare(&task.claimed, &new, refresh_at, self.now).unwrap();
        let line = Line::of(&prepared);
        let access = new.access.map(|access| access.token.expose().to_owned());
        let kept = Kept { line, access, begun: self.now };
        if !self.keeps(Rule::StoreBeforeUse)
            && let Some(access) = &kept.access
        {
            self.use_token(task.row, access);
        }
        if strike == Strike::JournalFull {
            return Some((Todo::Commit(kept), self.soon()));
        }
        if !self.keeps(Rule::JournalFirst) {
            return Some(self.turn_to_database(task, kept));
        }
        let worker = &self.workers[number];
        self.journals[worker.host].append(worker.process, task.row, kept.line.clone());
        Some((Todo::Sync(kept), self.soon()))
    }

    /// From here on no single death may lose the answer.
    pub fn turn_to_database(&mut self, task: &Task, kept: Kept) -> (Todo, DateTime<Utc>) {
        self.facts.keep(task.row, &kept.line);
        (Todo::Commit(Kept { begun: self.now, ..kept }), self.soon())
    }

    pub fn try_commit(&mut self, number: usize, kept: Kept, strike: Strike) -> Following {
        let fate = self.fate(strike);
        let told = self.commit(&kept.line, fate);
        say!(self, "worker {number} commits attempt {}: {told:?}", short(kept.line.attempt));
        if let Some(told @ (Commit::Stored(_) | Commit::Fenced)) = told {
            self.settled(self.workers[number].host, &kept.line, told);
            let access = kept.access.filter(|_| told != Commit::Fenced);
            return access.map(|access| (Todo::Use(access), self.now));
        }
        let last = clock::after(self.workers[number].deadline.max(kept.begun), BEYOND);
        let again = self.lag(Duration::from_millis(1), COMMIT_RETRY_LONGEST);
        (self.now < last).then_some((Todo::Commit(kept), again))
    }

    pub fn give_back(
        &mut self,
        number: usize,
        task: &mut Task,
        mut back: GiveBack,
        strike: Strike,
    ) -> Following {
        let delay = self.lag(Duration::ZERO, RETRY_LONGEST);
        let in_time = delay < self.workers[number].deadline;
        let again = back.may_retry_in_pass && in_time && task.retries > 0;
        if again {
            back.again_in(clock::until(self.now, delay), self.now);
        }
        self.bend(&mut back, task);
        let fate = self.fate(strike);
        let release = &back.release;
        if fate != Fate::Torn && self.store.release(&task.claimed, release, self.now) {
            self.facts.released(task.row, release.refused_login.as_deref(), self.now);
        }
        say!(
            self,
            "worker {number} gives attempt {} back ({fate:?}): {} until {}, doubts {}, {:?}",
            short(task.claimed.attempt),
            release.state,
            release.refresh_at.format("%H:%M:%S"),
            release.uncertain_tries,
            back.failed.as_ref().map(|failed| failed.class)
        );
        if fate == Fate::Done {
            self.facts.ended(task.row, task.claimed.attempt);
        }
        task.retries = task.retries.saturating_sub(1);
        again.then(|| (Todo::Reclaim, clock::after(delay, Duration::from_millis(2))))
    }

    /// What a rule that is off changes in a release.
    fn bend(&self, back: &mut GiveBack, task: &Task) {
        let (release, before) = (&mut back.release, &task.claimed.token);
        if !self.keeps(Rule::DoubtIsRemembered) {
            release.uncertain_tries = before.uncertain_tries;
            release.uncertain_since = before.uncertain_since;
        }
        let refused = back.failed.as_ref().is_some_and(|f| f.class == Class::LoginRefused);
        if refused && !self.keeps(Rule::RefusedLoginStops) {
            release.state = before.state;
            release.refresh_at = clock::after(self.now, Duration::from_secs(30));
        }
    }

    pub fn reclaim(&mut self, number: usize, task: &mut Task, strike: Strike) -> Following {
        let fate = self.fate(strike);
        if fate == Fate::Torn {
            return None;
        }
        let (attempt, id) = (self.draw_attempt(), task.claimed.token.id);
        let name = self.workers[number].name.clone();
        let claimed = self.store.claim(&[id], (attempt, &name), self.now).pop();
        say!(self, "worker {number} claims row {} again: {}", task.row, claimed.is_some());
        task.claimed = claimed.filter(|_| fate == Fate::Done)?;
        Some((Todo::Begin, self.soon()))
    }
}

const RETRY_LONGEST: Duration = Duration::from_secs(2);
const COMMIT_RETRY_LONGEST: Duration = Duration::from_secs(5);
/// How long beyond its deadline a run tries to commit.
const BEYOND: Duration = Duration::from_secs(60);
