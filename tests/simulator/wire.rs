//! Requests on their way to the provider and answers on their way back. Who waits for them lies in
//! `task`; what the provider makes of them in `provider`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock;
use tokenkeeper_worker::{http::EXCHANGE, outcome::Reply, provider::Step};

use crate::{
    nemesis::Mishap,
    provider::Issued,
    task::Task,
    worker::login_digest,
    world::{World, say},
};

/// One request.
#[derive(Debug)]
pub struct Call {
    pub id: u64,
    pub step: Step,
    /// The digest of the login that it is.
    pub login: Option<String>,
    pub forced: bool,
    pub mishap: Mishap,
    /// When the provider gets it; `None` once it had it, or when it never will.
    pub due: Option<DateTime<Utc>>,
    /// What came back, and when.
    pub reply: Option<(DateTime<Utc>, Reply)>,
    /// The refresh token in a whole answer.
    pub brings: Option<String>,
}

impl World {
    /// Puts a request on its way.
    pub fn send(
        &mut self,
        task: &Task,
        (step, login): (Step, Option<String>),
        mishap: Mishap,
    ) -> u64 {
        let id = self.draw_number();
        let due = match mishap {
            Mishap::NotSent | Mishap::RequestLost => None,
            Mishap::Late => Some(self.lag(Duration::from_secs(31), Duration::from_secs(80))),
            _ => Some(self.provider_lag()),
        };
        let not_sent = || (self.now, Reply::NotSent("connection refused".to_owned()));
        let reply = (mishap == Mishap::NotSent).then(not_sent);
        let forced = task.claimed.forced;
        let call = Call { id, step, login, forced, mishap, due, reply, brings: None };
        self.facts.sent(task.row, self.now);
        let calls = self.facts.rows[task.row].most_calls;
        if calls > BUDGET {
            self.violated("I7", format!("{calls} requests for row {} in an hour", task.row));
        }
        self.calls.push(call);
        id
    }

    /// The provider gets a request.
    pub fn arrive(&mut self, at: usize) {
        self.calls[at].due = None;
        let (mishap, forced) = (self.calls[at].mishap, self.calls[at].forced);
        let reply = match mishap {
            Mishap::Failed { processed: false } => Some(status(500)),
            Mishap::Throttled => Some(throttled(self.rng.u64(0..90))),
            _ => {
                let issued = self.process(at, forced);
                self.calls[at].brings = brought(mishap, issued.as_ref());
                answer(mishap, issued.as_ref())
            }
        };
        say!(self, "provider answers call {}: {reply:?}", self.calls[at].id);
        let back = self.provider_lag();
        self.calls[at].reply = reply.map(|reply| (back, reply));
    }

    fn process(&mut self, at: usize, forced: bool) -> Option<Issued> {
        match self.calls[at].step.clone() {
            Step::Login => {
                let right = login_digest(self.provider.password);
                (self.calls[at].login == Some(right)).then(|| self.provider.open(self.now))
            }
            Step::Refresh(token) => {
                let issued = self.provider.spend(token.expose(), forced, self.now);
                self.facts.issued += u64::from(issued.is_some());
                self.check_presentations(token.expose());
                issued
            }
        }
    }

    /// The reply that a worker has by now, which takes it off the wire.
    pub fn receive(&mut self, id: u64) -> Option<(Reply, Option<String>)> {
        let at = self.calls.iter().position(|call| call.id == id)?;
        let (there, _) = self.calls[at].reply.as_ref()?;
        if *there > self.now {
            return None;
        }
        let call = self.calls.swap_remove(at);
        Some((call.reply?.1, call.brings))
    }

    /// When a worker that waits for a reply looks again.
    pub fn reply_due(&self, id: u64, sent_at: DateTime<Utc>) -> DateTime<Utc> {
        let timeout = clock::after(sent_at, EXCHANGE);
        let call = self.calls.iter().find(|call| call.id == id);
        let there = call.and_then(|call| call.reply.as_ref()).map(|(there, _)| *there);
        there.map_or(timeout, |there| there.min(timeout))
    }
}

/// The refresh token that a worker must find in the answer.
fn brought(mishap: Mishap, issued: Option<&Issued>) -> Option<String> {
    match mishap {
        Mishap::AnswerLost | Mishap::Failed { .. } | Mishap::Broken { saves: false } => None,
        _ => issued?.refresh.clone(),
    }
}

/// `None` when nothing comes back.
fn answer(mishap: Mishap, issued: Option<&Issued>) -> Option<Reply> {
    let Some(issued) = issued else {
        return Some(refused());
    };
    match mishap {
        Mishap::AnswerLost => None,
        Mishap::Failed { .. } => Some(status(502)),
        Mishap::Unusable if issued.refresh.is_some() => Some(body(issued, "not usable")),
        Mishap::Broken { saves } => {
            let whole = text(issued, &issued.access);
            // A cut behind the refresh token, or in the midst of it.
            let cut = if saves { whole.find("access").unwrap_or(9) } else { 15 };
            let why = "the answer broke off".to_owned();
            Some(Reply::Broken { body: whole.as_bytes()[..cut].to_vec(), why })
        }
        _ => Some(body(issued, &issued.access)),
    }
}

fn body(issued: &Issued, access: &str) -> Reply {
    let body = text(issued, access).into_bytes();
    Reply::Answered { status: 200, retry_after: None, redirect_host: None, body }
}

fn text(issued: &Issued, access: &str) -> String {
    let refresh = issued.refresh.as_ref();
    let refresh = refresh.map(|token| format!(r#""refresh_token":"{token}","#)).unwrap_or_default();
    let left = issued.left.as_secs();
    format!(r#"{{{refresh}"access_token":"{access}","token_type":"Bearer","expires_in":{left}}}"#)
}

fn refused() -> Reply {
    let body = br#"{"error":"invalid_grant"}"#.to_vec();
    Reply::Answered { status: 400, retry_after: None, redirect_host: None, body }
}

fn status(status: u16) -> Reply {
    Reply::Answered { status, retry_after: None, redirect_host: None, body: Vec::new() }
}

fn throttled(seconds: u64) -> Reply {
    let retry_after = Some(seconds.to_string());
    Reply::Answered { status: 429, retry_after, redirect_host: None, body: Vec::new() }
}

/// Requests for a row in an hour: one each minimum gap between two renewals (30 s).
const BUDGET: usize = 120;
