//! One that wants tokens: asks, polls while a worker is at it, and shows what it got to a resource.
//! The judgement is the real `lifecycle::verdict`; the loop repeats `shared::wait`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    lifecycle::verdict::{Verdict, Wish, verdict, verdict_without_waiting},
};

use crate::world::{World, say};

/// One consumer.
#[derive(Debug)]
pub struct Consumer {
    pub at: DateTime<Utc>,
    /// Until when it waits, while it does.
    deadline: Option<DateTime<Utc>>,
    row: usize,
    /// The newest generation that it got, by row.
    seen: Vec<i64>,
}

impl Consumer {
    pub fn new(rows: usize, now: DateTime<Utc>) -> Self {
        Self { at: now, deadline: None, row: 0, seen: vec![0; rows] }
    }
}

impl World {
    pub fn consume(&mut self, number: usize) {
        let (now, row) = (self.now, self.consumers[number].row);
        let deadline = self.consumers[number].deadline.unwrap_or(clock::after(now, WAIT));
        if now < self.outage {
            // The caller hears of it and comes back.
            return self.go(number);
        }
        let token = &self.store.rows[row].token;
        let judged = match verdict(token, now, Wish::default()) {
            Verdict::Wait(_) if now >= deadline => {
                verdict_without_waiting(token, now, Wish::default())
            }
            judged => judged,
        };
        match judged {
            Verdict::Wait(_) => {
                let pause = self.lag(Duration::from_millis(100), Duration::from_secs(10));
                let consumer = &mut self.consumers[number];
                (consumer.at, consumer.deadline) = (pause.min(deadline), Some(deadline));
            }
            Verdict::Token(_) => {
                self.take(number, row);
                self.go(number);
            }
            Verdict::Refused(refusal) => {
                say!(self, "consumer {number} is refused: {refusal}");
                self.check_refused(row);
                self.go(number);
            }
        }
    }

    fn take(&mut self, number: usize, row: usize) {
        let generation = self.store.rows[row].token.generation;
        let access = self.store.rows[row].access_token().unwrap();
        self.check_handed_out(row, &access);
        let seen = self.consumers[number].seen[row];
        if generation < seen {
            self.violated("I2", format!("consumer {number} got {generation} after {seen}"));
        }
        self.consumers[number].seen[row] = generation;
        self.provider.show(&access);
    }

    /// Comes back some time, for any of the rows.
    fn go(&mut self, number: usize) {
        let at = self.lag(Duration::from_millis(1), self.setting.life / 2);
        let row = self.rng.usize(0..self.store.rows.len());
        let consumer = &mut self.consumers[number];
        (consumer.at, consumer.deadline, consumer.row) = (at, None, row);
    }
}

/// The consumer's default.
const WAIT: Duration = Duration::from_secs(30);
