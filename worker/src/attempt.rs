//! One attempt as a machine without IO: it says what to do next and is told what came of it.
//! `exchange` does what it says; a simulator may do the same in a model. What a row calls for lies in
//! `plan`, what single answers and failures leave in it in `aftermath`.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    secret::Secret,
    store::Release,
    token::{Claimed, NewTokens, State},
};

use crate::{
    aftermath,
    answer::Answer,
    config::TokenConfig,
    outcome::{Asked, Class, Failed, Outcome, Reply, classify},
    plan::{self, Plan},
    provider::Step,
};

/// An attempt under way: one claim, at most two requests.
#[derive(Debug)]
pub struct Attempt {
    config: Arc<TokenConfig>,
    claimed: Claimed,
    /// The configured first refresh token, where the row may call for it.
    first: Option<Secret>,
    /// What was asked for last.
    asked: Option<Asked>,
    /// The provider has refused the stored refresh token.
    rejected: Option<(Failed, Sent)>,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Next {
    /// Send this, if [`Attempt::lease_bears_an_exchange`], and tell [`Attempt::answered`].
    Exchange(Step),
    /// Read the row's generation, and tell [`Attempt::row_stands_at`].
    ReadAgain,
    /// Keep this answer.
    Commit(Box<ToCommit>),
    /// Give the row back.
    GiveBack(Box<GiveBack>),
    /// Nothing: another worker had renewed the row before our refresh token was refused.
    Leave,
}

/// An answer to keep.
#[derive(Debug)]
pub struct ToCommit {
    /// What it brings.
    pub new: NewTokens,
    /// When the row is due again.
    pub refresh_at: DateTime<Utc>,
    /// What was asked for.
    pub asked: Asked,
    /// Its lifetime was nowhere said.
    pub is_lifetime_assumed: bool,
}

/// What a row is given back with.
#[derive(Debug)]
pub struct GiveBack {
    /// What stands in it from now on.
    pub release: Release,
    /// Why; `None` when nothing was tried.
    pub failed: Option<Failed>,
    /// Whether the same pass may try again soon.
    pub may_retry_in_pass: bool,
}

/// A request as it left.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When; a refresh token may be spent since then.
    pub at: DateTime<Utc>,
    /// For a login, the digest of its request.
    pub login: Option<String>,
}

impl Attempt {
    /// Begins with a claimed row. `first` is the configured first refresh token, or why it cannot
    /// be read; it counts only where [`plan::may_need_first_token`].
    #[must_use]
    pub fn begin(
        config: Arc<TokenConfig>,
        claimed: Claimed,
        first: Result<Option<Secret>, String>,
        now: DateTime<Utc>,
    ) -> (Self, Next) {
        let unread = first.as_ref().err().cloned();
        let first = first.ok().flatten();
        let attempt = Self { config, claimed, first, asked: None, rejected: None };
        let next = match unread {
            Some(why) if attempt.claimed.refresh_token.is_none() => {
                attempt.unconfigured(Asked::Refresh, why, now)
            }
            _ => attempt.first_step(now),
        };
        (attempt, next)
    }

    /// The claim.
    #[must_use]
    pub fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// What was asked for last, if anything was.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        self.asked
    }

    /// Whether a request sent now ends, with its commit, before the lease does.
    #[must_use]
    pub fn lease_bears_an_exchange(&self, exchange: Duration, now: DateTime<Utc>) -> bool {
        let lease = self.claimed.token.lease_until;
        lease.is_some_and(|end| clock::until(now, end) >= exchange + LEASE_MARGIN)
    }

    /// Something of this worker's own was in the way: a secret that cannot be read, a key.
    #[must_use]
    pub fn unconfigured(&self, asked: Asked, why: String, now: DateTime<Utc>) -> Next {
        let sent = Sent { at: now, login: None };
        self.failed(Failed::new(Class::Configuration, why), asked, &sent, now)
    }

    /// The lease leaves no time for a request: the claim is given back unused. A refresh token that
    /// was refused under it is not presented again.
    #[must_use]
    pub fn too_late(&self) -> Next {
        let mut release = aftermath::release_unused(&self.claimed);
        if let Some((_, sent)) = &self.rejected {
            aftermath::count_as_spent(&mut release, sent.at);
        }
        Next::GiveBack(Box::new(GiveBack { release, failed: None, may_retry_in_pass: false }))
    }

    /// The request of `step` was sent, and this came of it.
    #[must_use]
    pub fn answered(&mut self, step: &Step, reply: Reply, sent: Sent, now: DateTime<Utc>) -> Next {
        let asked = Asked::by(step);
        self.asked = Some(asked);
        match classify(asked, self.config.provider.shape(), reply, now) {
            Outcome::Answer(answer) => self.keep(&answer, None, (asked, &sent, now)),
            Outcome::Partial(answer, problem) => {
                self.keep(&answer, Some(problem), (asked, &sent, now))
            }
            Outcome::Failed(failed)
                if failed.class == Class::Rejected && self.rejected.is_none() =>
            {
                self.rejected = Some((failed, sent));
                Next::ReadAgain
            }
            Outcome::Failed(failed) => self.failed(failed, asked, &sent, now),
        }
    }

    /// "Dead" is believed only after another look at the row: a sibling may have spent the refresh
    /// token first, and then all is well. `generation` is `None` when the row could not be read.
    #[must_use]
    pub fn row_stands_at(&self, generation: Option<i64>, now: DateTime<Utc>) -> Next {
        let row = &self.claimed.token;
        let Some((failed, sent)) = &self.rejected else {
            return self.first_step(now);
        };
        if generation.is_some_and(|generation| generation != row.generation) {
            return Next::Leave;
        }
        if self.config.provider.can_login() {
            return match plan::login_opens_at(&self.claimed) {
                Some(opens) if now < opens => self.login_later(failed, sent, opens),
                _ => Next::Exchange(Step::Login),
            };
        }
        match self.untried_first_token() {
            Some(first) => Next::Exchange(Step::Refresh(first)),
            None => self.failed(failed.clone(), Asked::Refresh, sent, now),
        }
    }

    fn first_step(&self, now: DateTime<Utc>) -> Next {
        match plan::plan(&self.claimed, &self.config, self.first.clone(), now) {
            Plan::Take(step) => Next::Exchange(step),
            Plan::Wait(until) => {
                let mut release = aftermath::release_unused(&self.claimed);
                (release.refresh_at, release.next_attempt_at) = (until, Some(until));
                let unused = GiveBack { release, failed: None, may_retry_in_pass: false };
                Next::GiveBack(Box::new(unused))
            }
            Plan::GiveUp(why) => {
                let (class, release) = aftermath::release_to_a_human(&self.claimed, why);
                let failed = Some(Failed::new(class, why));
                Next::GiveBack(Box::new(GiveBack { release, failed, may_retry_in_pass: false }))
            }
        }
    }

    /// A human forced a row whose stored refresh token turned out dead: now the configured one.
    fn untried_first_token(&self) -> Option<Secret> {
        let row = &self.claimed.token;
        let was_rejected = row.last_error_class.as_deref() == Some(Class::Rejected.as_str());
        let stored = self.claimed.refresh_token.as_ref().filter(|_| !was_rejected)?;
        self.first.clone().filter(|first| first != stored)
    }

    /// The refresh token is dead and the credentials were presented a moment ago: not again so soon.
    fn login_later(&self, failed: &Failed, sent: &Sent, opens: DateTime<Utc>) -> Next {
        let mut release = aftermath::release_unused(&self.claimed);
        release.failures += 1;
        release.error = Some((failed.class.as_str().to_owned(), failed.message.clone()));
        (release.refresh_at, release.next_attempt_at) = (opens, Some(opens));
        aftermath::count_as_spent(&mut release, sent.at);
        let failed = Some(failed.clone());
        Next::GiveBack(Box::new(GiveBack { release, failed, may_retry_in_pass: false }))
    }

    fn keep(
        &self,
        answer: &Answer,
        problem: Option<String>,
        (asked, sent, now): (Asked, &Sent, DateTime<Utc>),
    ) -> Next {
        let claimed = &self.claimed;
        let (new, refresh_at) =
            aftermath::new_tokens(claimed, answer, problem, (asked, sent.at), &self.config);
        let is_lifetime_assumed =
            aftermath::is_lifetime_assumed(answer, sent.at.min(now), self.config.policy);
        Next::Commit(Box::new(ToCommit { new, refresh_at, asked, is_lifetime_assumed }))
    }

    fn failed(&self, failed: Failed, asked: Asked, sent: &Sent, now: DateTime<Utc>) -> Next {
        let mut release =
            aftermath::release_after(&self.claimed, &failed, (asked, sent), &self.config, now);
        if self.rejected.is_some() && asked == Asked::Login {
            aftermath::count_as_spent(&mut release, sent.at);
        }
        let may_retry_in_pass =
            aftermath::may_retry_in_pass(&failed, asked, self.config.replay_window);
        let failed = Some(failed);
        Next::GiveBack(Box::new(GiveBack { release, failed, may_retry_in_pass }))
    }
}

impl GiveBack {
    /// The same pass tries again after `delay`.
    pub fn again_in(&mut self, delay: Duration, now: DateTime<Utc>) {
        if self.release.state != State::NeedsLogin {
            let next = clock::after(now, delay);
            (self.release.refresh_at, self.release.next_attempt_at) = (next, Some(next));
        }
    }
}

/// For the commit behind the exchange.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
