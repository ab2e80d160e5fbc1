//! The promises of the protocol, judged by the facts after every step. How a schedule must end
//! lies in `schedule`.

use tokenkeeper_shared::{
    clock, lifecycle,
    lifecycle::verdict::{Verdict, Wish, verdict, verdict_without_waiting},
    store::{Commit, LEASE},
    token::{RefreshTokenChange, State},
};
use tokenkeeper_worker::attempt::{Next, Sent};

use crate::{
    blow::Fate,
    facts::Violation,
    nemesis::Weather,
    provider::Rotation,
    row::Line,
    task::Task,
    worker::short,
    world::{World, say},
};

impl World {
    pub fn violated(&mut self, invariant: &'static str, what: String) {
        say!(self, "VIOLATED {invariant}: {what}");
        self.facts.violation.get_or_insert(Violation { invariant, what });
    }

    /// What must hold after every step.
    pub fn check(&mut self) {
        for row in 0..self.store.rows.len() {
            self.check_row(row);
        }
        for safe in self.facts.safe.clone() {
            let in_journal =
                self.journals.iter().any(|folder| folder.holds(safe.row, safe.attempt));
            let in_memory = || {
                self.workers
                    .iter()
                    .flat_map(|w| &w.tasks)
                    .any(|task| task.holds(safe.row, safe.attempt))
            };
            if !in_journal && !in_memory() && !self.facts.is_stored(&safe) {
                let what = format!("the answer of attempt {} is gone", short(safe.attempt));
                self.violated("I5", what);
            }
        }
    }

    fn check_row(&mut self, at: usize) {
        let (row, now) = (&self.store.rows[at], self.now);
        if let Some(attempt) = row.attempt.filter(|attempt| self.facts.has_ended(at, *attempt)) {
            let what = format!("row {at} is marked by attempt {}, which has ended", short(attempt));
            return self.violated("I5", what);
        }
        if let Verdict::Wait(until) = verdict(&row.token, now, Wish::default())
            && until > clock::after(now, LEASE)
        {
            return self.violated("I3", format!("row {at} makes consumers wait beyond a lease"));
        }
        let Some(newest) = self.facts.rows[at].committed.last() else { return };
        let is_promised = self.facts.rows[at].valid_until.is_some_and(|end| end > now);
        let is_had =
            matches!(verdict_without_waiting(&row.token, now, Wish::default()), Verdict::Token(_))
                && row.access_token().as_ref() == Some(newest);
        if is_promised && !is_had {
            self.violated("I3", format!("row {at}: {newest} works and cannot be had"));
        }
    }

    /// A consumer was sent away.
    pub fn check_refused(&mut self, row: usize) {
        if self.facts.rows[row].valid_until.is_some_and(|end| end > self.now) {
            self.violated("I3", format!("a consumer was refused the valid token of row {row}"));
        }
    }

    pub fn check_handed_out(&mut self, row: usize, access: &str) {
        if !self.facts.rows[row].committed.iter().any(|token| token == access) {
            self.violated("I9", format!("{access} was handed out and never committed"));
        }
        if self.provider.promised(access) <= self.now {
            self.violated("I3", format!("{access} was handed out and has expired"));
        }
    }

    /// Whatever uses a new token: a hook, a check.
    pub fn use_token(&mut self, row: usize, access: &str) {
        if !self.facts.rows[row].committed.iter().any(|token| token == access) {
            self.violated("I9", format!("{access} was used before its commit"));
        }
        self.provider.show(access);
    }

    /// The provider was shown a refresh token.
    pub fn check_presentations(&mut self, token: &str) {
        let times = self.provider.refresh[token[1..].parse::<usize>().unwrap()].presented;
        let is_calm = self.nemesis.faults == 0;
        let most = if is_calm { 1 } else { 2 };
        if self.setting.rotation != Rotation::None && times > most {
            self.violated("I4", format!("{token} was presented {times} times"));
        }
    }

    /// Credentials are about to be presented.
    pub fn check_login(&mut self, task: &Task, sent: &Sent) {
        let facts = &self.facts.rows[task.row];
        if let Some(digest) = &sent.login
            && !task.claimed.forced
        {
            let gap = lifecycle::minimum_gap(task.claimed.token.lifetime().unwrap_or_default());
            let since = facts.last_login.map(|last| clock::until(last, sent.at));
            if since.is_some_and(|since| since < gap) {
                return self.violated("login budget", format!("two logins within {since:?}"));
            }
            if facts.refused.get(digest).is_some_and(|refused| *refused <= sent.at) {
                self.violated("login budget", format!("{digest} again after a refusal"));
            }
        }
    }

    /// An answer has reached a worker, and a refresh token in it.
    pub fn check_answer(&mut self, next: &Next, brings: Option<&str>) {
        let Some(token) = brings else { return };
        let is_kept = matches!(next, Next::Commit(commit)
            if matches!(&commit.new.refresh_token,
                RefreshTokenChange::Replace(kept) if kept.expose() == token));
        if !is_kept {
            self.violated("I5", format!("{token} reached a worker and was dropped"));
        }
    }

    /// A commit as the database takes it, and what the worker hears of it.
    pub fn commit(&mut self, line: &Line, fate: Fate) -> Option<Commit> {
        if fate == Fate::Torn {
            return None;
        }
        let before = self.store.row(line.id).token.generation;
        let told = self.store.commit(line, self.now);
        if self.store.row(line.id).token.generation != before {
            self.written(line);
        }
        (fate == Fate::Done).then_some(told)
    }

    fn written(&mut self, line: &Line) {
        let at = self.store.rows.iter().position(|row| row.token.id == line.id).unwrap();
        let access = self.store.rows[at].access_token();
        let facts = &mut self.facts.rows[at];
        let first = facts.answers.insert(line.generation, line.attempt);
        facts.refused.clear();
        if facts.committed.last() != access.as_ref() {
            facts.committed.extend(access);
            facts.valid_until = line.access_token_expires.map(clock::from_millis);
        }
        self.facts.commits += 1;
        if let Some(first) = first {
            let (first, second) = (short(first), short(line.attempt));
            let what = format!("attempts {first} and {second} both answered {}", line.generation);
            self.violated("I1", what);
        }
    }

    /// A worker was told that its answer is stored, or that it came too late, and drops it.
    pub fn settled(&mut self, host: usize, line: &Line, told: Commit) {
        let at = self.store.rows.iter().position(|row| row.token.id == line.id).unwrap();
        let is_own = self.facts.rows[at].answers.get(&line.generation) == Some(&line.attempt);
        // Once others have committed on top of it, nobody can tell any more, and nothing hangs on it.
        let is_newest = self.store.rows[at].token.generation == line.generation + 1;
        if is_own != matches!(told, Commit::Stored(_)) && (is_newest || !is_own) {
            self.violated("I1", format!("attempt {} was told {told:?}", short(line.attempt)));
        }
        if told == Commit::Fenced {
            self.check_dropped(at, line);
        }
        self.journals[host].settle(line);
        self.facts.settled(at, line.attempt);
    }

    /// Of two answers the living one stays, if no more than one thing went wrong.
    fn check_dropped(&mut self, at: usize, line: &Line) {
        let stored = self.store.rows[at].refresh_token.as_ref();
        let drops_living = line.refresh_token.as_ref().is_some_and(|t| self.provider.is_live(t));
        let keeps_dead = stored.is_some_and(|token| !self.provider.is_live(token));
        if drops_living && keeps_dead && self.nemesis.faults <= 1 {
            let what = format!("{:?} lives and was dropped for {stored:?}", line.refresh_token);
            self.violated("I5", what);
        }
    }

    /// Whether a human is called for nothing: nothing went wrong, or a single death took no answer
    /// that was not in the journal of a host that runs again.
    pub fn check_called(&mut self, at: usize) {
        let is_called = self.store.rows[at].token.state == State::NeedsLogin;
        if !is_called || self.setting.weather == Weather::Storm {
            return;
        }
        let is_calm = self.nemesis.faults == 0;
        let is_single = self.nemesis.kills == 1 && self.facts.issued == self.facts.kept;
        // Known limit: a run on another host, or one that was quicker than the replay beside it, claims
        // the row under its lapsed lease and presents the spent refresh token at once.
        let is_beaten = self.facts.is_replay_beaten;
        if is_calm || (is_single && !is_beaten) {
            self.violated("I5", format!("row {at} waits for a human without need"));
        }
        self.facts.is_lost_by_distance |= is_single && is_beaten;
    }
}
