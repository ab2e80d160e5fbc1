//! One claim from its beginning to its end: does what the real `Attempt` says, step for step as
//! `exchange` does; its end lies in `ending`. Each step is one chance for the nemesis.

#![expect(clippy::unnecessary_wraps, reason = "each step says in one shape what follows")]

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{clock, token::Claimed};
use tokenkeeper_worker::{
    attempt::{Attempt, Next, Sent},
    http::EXCHANGE,
    outcome::Reply,
    plan,
    provider::Step,
};
use uuid::Uuid;

use crate::{
    blow::Fate,
    nemesis::{Kind, Mishap, Strike},
    row::Line,
    rules::Rule,
    world::{World, say},
};

/// A claim under way.
#[derive(Debug)]
pub struct Task {
    pub row: usize,
    pub claimed: Claimed,
    attempt: Option<Attempt>,
    todo: Todo,
    pub at: DateTime<Utc>,
    /// How many tries the pass has left for it.
    pub retries: u8,
}

#[derive(Debug)]
pub enum Todo {
    Begin,
    Do(Next),
    Send(Step, Sent),
    Await(u64, Step, Sent),
    /// The line is written and not yet on the disk.
    Sync(Kept),
    Commit(Kept),
    /// A hook, a check: whatever uses a new token.
    Use(String),
    Reclaim,
}

/// An answer that a worker holds.
#[derive(Debug, Clone)]
pub struct Kept {
    pub line: Line,
    /// The access token that the answer brought.
    pub access: Option<String>,
    pub begun: DateTime<Utc>,
}

impl Task {
    pub fn begin(row: usize, claimed: Claimed, at: DateTime<Utc>) -> Self {
        Self { row, claimed, attempt: None, todo: Todo::Begin, at, retries: RETRIES }
    }

    /// Whether it holds this attempt's answer.
    pub fn holds(&self, row: usize, attempt: Uuid) -> bool {
        self.row == row && matches!(&self.todo, Todo::Commit(kept) if kept.line.attempt == attempt)
    }

    fn kind(&self) -> Kind {
        match &self.todo {
            Todo::Do(Next::ReadAgain | Next::GiveBack(_)) | Todo::Commit(_) | Todo::Reclaim => {
                Kind::Store
            }
            Todo::Do(Next::Commit(_)) => Kind::Journal,
            Todo::Send(..) => Kind::Send,
            _ => Kind::Other,
        }
    }
}

/// A task's next step, and when; `None` is its end.
pub type Following = Option<(Todo, DateTime<Utc>)>;

impl World {
    pub fn task_due(&self, task: &Task) -> DateTime<Utc> {
        match &task.todo {
            Todo::Await(call, _, sent) => self.reply_due(*call, sent.at).max(task.at),
            _ => task.at,
        }
    }

    pub fn work_on(&mut self, number: usize, at: usize) {
        let kind = self.workers[number].tasks[at].kind();
        let Some(strike) = self.struck(number, kind) else { return };
        let mut task = self.workers[number].tasks.swap_remove(at);
        let todo = std::mem::replace(&mut task.todo, Todo::Begin);
        match self.step(number, &mut task, todo, strike) {
            Some((todo, at)) => {
                (task.todo, task.at) = (todo, at);
                self.workers[number].tasks.push(task);
            }
            None => self.workers[number].at = self.now,
        }
        self.strike_after(number, strike);
    }

    fn step(&mut self, number: usize, task: &mut Task, todo: Todo, strike: Strike) -> Following {
        match todo {
            Todo::Begin => self.begin_attempt(task),
            Todo::Do(Next::Exchange(step)) => self.may_send(task, step),
            Todo::Send(step, sent) => self.send_step(number, task, step, sent, strike),
            Todo::Await(call, step, sent) => self.reply(task, call, &step, sent),
            Todo::Do(Next::ReadAgain) => self.read_again(task, strike),
            Todo::Do(Next::Commit(commit)) => self.keep_answer(number, task, *commit, strike),
            Todo::Sync(kept) => {
                self.journals[self.workers[number].host].synced(&kept.line);
                Some(self.turn_to_database(task, kept))
            }
            Todo::Commit(kept) => self.try_commit(number, kept, strike),
            Todo::Use(access) => {
                self.use_token(task.row, &access);
                None
            }
            Todo::Do(Next::GiveBack(back)) => self.give_back(number, task, *back, strike),
            Todo::Do(Next::Leave) => None,
            Todo::Reclaim => self.reclaim(number, task, strike),
        }
    }

    fn begin_attempt(&mut self, task: &mut Task) -> Following {
        let mut claimed = task.claimed.clone();
        if !self.keeps(Rule::LoginGap) {
            claimed.token.last_login_at = None;
        }
        let first = plan::may_need_first_token(&claimed)
            .then(|| self.setting.first_refresh_token(task.row))
            .flatten();
        let (attempt, next) = Attempt::begin(self.config.clone(), claimed, Ok(first), self.now);
        task.attempt = Some(attempt);
        Some((Todo::Do(next), self.soon()))
    }

    /// The look at the lease. Nothing lies between it and the request but a freeze.
    fn may_send(&mut self, task: &Task, step: Step) -> Following {
        let attempt = task.attempt.as_ref().unwrap();
        let bears = attempt.lease_bears_an_exchange(EXCHANGE, self.now);
        if !bears && self.keeps(Rule::LeaseBearsExchange) {
            return Some((Todo::Do(attempt.too_late()), self.soon()));
        }
        let login = (step == Step::Login).then(|| self.login_digest());
        let sent = Sent { at: self.now, login };
        self.check_login(task, &sent);
        Some((Todo::Send(step, sent), self.now))
    }

    fn send_step(
        &mut self,
        number: usize,
        task: &Task,
        step: Step,
        sent: Sent,
        strike: Strike,
    ) -> Following {
        let mishap = if let Strike::Mishap(mishap) = strike { mishap } else { Mishap::None };
        if sent.login.is_some() && mishap != Mishap::NotSent {
            self.facts.rows[task.row].last_login = Some(sent.at);
        }
        let call = self.send(task, (step.clone(), sent.login.clone()), mishap);
        let what = if let Step::Refresh(token) = &step { token.expose() } else { "a login" };
        say!(self, "worker {number} sends {what} for row {} as call {call}: {mishap:?}", task.row);
        Some((Todo::Await(call, step, sent), self.now))
    }

    fn reply(&mut self, task: &mut Task, call: u64, step: &Step, sent: Sent) -> Following {
        let waited = clock::until(sent.at, self.now) >= EXCHANGE;
        let (reply, brings) = match self.receive(call) {
            Some(received) => received,
            None if waited => (Reply::Lost("no answer in time".to_owned()), None),
            None => return Some((Todo::Await(call, step.clone(), sent), self.now)),
        };
        let attempt = task.attempt.as_mut().unwrap();
        let mut next = attempt.answered(step, reply, sent.clone(), self.now);
        let is_partial = matches!(&next, Next::Commit(commit) if commit.new.problem.is_some());
        if is_partial && !self.rules.keep(Rule::PartialIsKept) {
            next = attempt.answered(step, Reply::Lost("partial".to_owned()), sent, self.now);
        }
        self.check_answer(&next, brings.as_deref());
        Some((Todo::Do(next), self.soon()))
    }

    fn read_again(&mut self, task: &mut Task, strike: Strike) -> Following {
        let read =
            (self.fate(strike) == Fate::Done).then(|| self.store.rows[task.row].token.generation);
        let told = if self.keeps(Rule::ReadAgain) { read } else { None };
        let next = task.attempt.as_mut().unwrap().row_stands_at(told, self.now);
        say!(self, "the row is read again: {read:?}, next {next:?}");
        Some((Todo::Do(next), self.soon()))
    }
}

/// In one pass, behind the first.
const RETRIES: u8 = 2;
