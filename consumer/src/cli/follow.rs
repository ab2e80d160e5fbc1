//! A token followed through its generations: asked for again and again, troubles told once. What is
//! done with each generation lies with `exec` and `watch`.

use std::time::Duration;

use tokenkeeper_shared::{
    exit::Failure, lifecycle::verdict::Warning, name::TokenName, wait::NoToken,
};
use tokio::time::sleep;

use super::{failure, output};
use crate::{AccessToken, Consumer, Error, Request};

/// One token as somebody sees it who stays.
pub(super) struct Follower {
    consumer: Consumer,
    name: TokenName,
    request: Request,
    seen: Option<i64>,
    trouble: Option<Trouble>,
}

/// What is the matter at the moment, and has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    OutOfReach,
    NoToken,
}

impl Follower {
    pub(super) fn new(consumer: Consumer, name: TokenName, request: Request) -> Self {
        Self { consumer, name, request, seen: None, trouble: None }
    }

    /// Goes on from a token that the caller has.
    pub(super) fn after(self, token: &AccessToken) -> Self {
        Self { seen: Some(token.generation()), ..self }
    }

    /// The next generation, however long it takes: outages of the database and tokens that expire
    /// are outwaited, with a line on stderr each.
    ///
    /// # Errors
    /// What waiting does not mend: the name is unknown, the schema another.
    pub(super) async fn next(&mut self) -> Result<AccessToken, Failure> {
        loop {
            // Who has nothing yet waits for a worker as `get` does; later on the worker's end is
            // seen soon enough, and an outage at once.
            if self.seen.is_some() || self.trouble.is_some() {
                self.request.wait = Duration::ZERO;
                sleep(PAUSE).await;
            }
            let asked = self.consumer.get(&self.name, self.request).await;
            if let Some(token) = self.judge(asked)? {
                return Ok(token);
            }
        }
    }

    fn judge(&mut self, asked: Result<AccessToken, Error>) -> Result<Option<AccessToken>, Failure> {
        let trouble = match &asked {
            Ok(token) if token.warning() == Some(Warning::OutOfReach) => Some(Trouble::OutOfReach),
            Ok(_) => None,
            Err(Error::Store(error)) if error.is_transient() => Some(Trouble::OutOfReach),
            Err(Error::NoToken(NoToken::Refused { .. })) => Some(Trouble::NoToken),
            Err(error) => return Err(failure::of(error)),
        };
        if trouble != self.trouble {
            self.tell(trouble, &asked);
            self.trouble = trouble;
        }
        let token = asked.ok().filter(|token| self.seen != Some(token.generation()));
        self.seen = token.as_ref().map(AccessToken::generation).or(self.seen);
        Ok(token)
    }

    fn tell(&self, trouble: Option<Trouble>, asked: &Result<AccessToken, Error>) {
        if self.trouble == Some(Trouble::OutOfReach) {
            output::note(&format!("{}: the database answers again", self.name));
        }
        let reason = match asked {
            Ok(token) => token.warning_text(),
            Err(error) => Some(failure::of(error).message),
        };
        if let (Some(trouble), Some(reason)) = (trouble, reason) {
            let what = match trouble {
                Trouble::OutOfReach => "going on without the database",
                Trouble::NoToken => "waiting for a token",
            };
            output::note(&format!("warning: {}: {what}: {reason}", self.name));
        }
    }
}

/// A new token is there before the old one dies, so that a second does not matter; and the library
/// answers from memory in between.
const PAUSE: Duration = Duration::from_secs(1);
