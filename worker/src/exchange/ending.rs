//! How an attempt ends: the answer committed, or the row given back. What led there lies in
//! `exchange`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    lifecycle::{self, ExpirySource},
    name::TokenName,
    store::{Commit, Prepared, Release, StoreError},
    token::{Claimed, State},
};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::{Attempt, Exchanger, Tried};
use crate::{
    answer::Answer,
    backoff::Delays,
    config::TokenConfig,
    outcome::{Asked, Failed},
    plan,
    report::Done,
};

impl Exchanger {
    pub(super) async fn commit(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        answer: &Answer,
        problem: Option<String>,
        (asked, sent_at): (Asked, DateTime<Utc>),
    ) -> Attempt {
        let name = claimed.token.name.clone();
        if lifecycle::expiry(sent_at, answer.hints, config.policy).1 == ExpirySource::Fallback {
            warn!(token = %name, "the provider does not say how long the token lives: five minutes are assumed, set default_lifetime");
        }
        let (new, refresh_at) =
            plan::new_tokens(claimed, answer, problem.clone(), (asked, sent_at), config);
        let prepared = match self.store.prepare(claimed.clone(), new, refresh_at) {
            Ok(prepared) => prepared,
            Err(error) => return Attempt::Failed(self.unconfigured(error.to_string(), asked)),
        };
        match self.commit_until_acknowledged(&name, &prepared).await {
            Ok(Commit::Fenced) => {
                warn!(token = %name, "fenced: another worker committed first, this answer is dropped");
                Attempt::Done(Done::Fenced(name))
            }
            Ok(Commit::Stored(generation)) => {
                let login = asked == Asked::Login;
                let Some(message) = problem else {
                    info!(token = %name, generation, login, "renewed");
                    return Attempt::Done(Done::Renewed { name, login });
                };
                warn!(token = %name, generation, "partial: {message}");
                Attempt::Done(Done::Partial { name, message })
            }
            Err(error) => {
                error!(token = %name, "the provider's answer could not be stored: {error}");
                Attempt::Done(Done::NotStored { name, message: error.to_string() })
            }
        }
    }

    /// Tries again until the database has acknowledged: the answer in hand may be the only copy of
    /// a rotated refresh token, and is worth more than the run's deadline.
    async fn commit_until_acknowledged(
        &self,
        name: &TokenName,
        prepared: &Prepared,
    ) -> Result<Commit, StoreError> {
        let end = self.deadline.max(Instant::now()) + COMMIT_BEYOND_DEADLINE;
        let mut delays = Delays::doubling(COMMIT_RETRY_FIRST, COMMIT_RETRY_LONGEST);
        loop {
            let error = match self.store.commit(prepared, self.time.now()).await {
                Ok(commit) => return Ok(commit),
                Err(error) => error,
            };
            if Instant::now() >= end {
                return Err(error);
            }
            warn!(token = %name, "the answer is not stored yet, trying again: {error}");
            sleep(delays.next().unwrap_or(COMMIT_RETRY_LONGEST)).await;
        }
    }

    /// Leaves the row to a human, without a request.
    pub(super) async fn give_up(&self, claimed: &Claimed, why: &'static str) -> Done {
        let (class, release) = plan::release_to_a_human(claimed, why);
        self.give_back(claimed, &release).await;
        let now = self.time.now();
        Self::failed(claimed, Failed::new(class, why), &release, now)
    }

    /// Gives the row back after a failure: for `again_in`, or for as long as the rules say.
    pub(super) async fn release(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        tried: Tried,
        again_in: Option<Duration>,
    ) -> Done {
        let Tried { failed, asked, sent_at, has_dead_refresh_token } = tried;
        let now = self.time.now();
        let mut release = plan::release_after(claimed, &failed, asked, config, (sent_at, now));
        if has_dead_refresh_token {
            plan::count_as_spent(&mut release, sent_at);
        }
        if let Some(delay) = again_in.filter(|_| release.state != State::NeedsLogin) {
            let next = clock::after(now, delay);
            (release.refresh_at, release.next_attempt_at) = (next, Some(next));
        }
        self.give_back(claimed, &release).await;
        Self::failed(claimed, failed, &release, now)
    }

    /// What a failure is told as.
    fn failed(claimed: &Claimed, failed: Failed, release: &Release, now: DateTime<Utc>) -> Done {
        let row = &claimed.token;
        let (class, failures) = (failed.class.as_str(), release.failures);
        info!(token = %row.name, class, failures, "{}", failed.message);
        Done::Failed {
            name: row.name.clone(),
            class: failed.class,
            message: failed.message,
            valid_until: row.access_token_expires.filter(|_| row.is_valid(now)),
            next_attempt_at: release.next_attempt_at,
            needs_login: release.state == State::NeedsLogin,
        }
    }

    pub(super) async fn release_unused(&self, claimed: &Claimed) {
        warn!(token = %claimed.token.name, "the lease leaves no time for a request: given back unused");
        self.give_back(claimed, &plan::release_unused(claimed)).await;
    }

    /// A claim that cannot be given back lapses by itself with its lease.
    async fn give_back(&self, claimed: &Claimed, release: &Release) {
        if let Err(error) = self.store.release(claimed, release, self.time.now()).await {
            warn!(token = %claimed.token.name, "the claim could not be given back and will lapse: {error}");
        }
    }
}

const COMMIT_RETRY_FIRST: Duration = Duration::from_millis(100);
const COMMIT_RETRY_LONGEST: Duration = Duration::from_secs(5);
/// A database that restarts is back within this; a run must end all the same.
const COMMIT_BEYOND_DEADLINE: Duration = Duration::from_secs(60);
