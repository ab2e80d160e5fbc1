//! One token from claim to commit: the protocol of one attempt. Which rows are claimed, and how
//! many at once, is decided by `pass`.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    lifecycle::{self, ExpirySource},
    name::TokenName,
    secret::Secret,
    settings::{Environment, SettingsError},
    store::{Commit, DatabaseTime, Prepared, Release, Store, StoreError, Unopened},
    token::{Claimed, State},
};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use crate::{
    answer::Answer,
    backoff::Delays,
    config::TokenConfig,
    http::{EXCHANGE, Http},
    outcome::{Asked, Class, Failed, Outcome, classify},
    plan::{self, Plan, may_retry_in_pass},
    provider::Step,
    report::Done,
};

/// What every attempt of a run needs.
#[derive(Debug)]
pub struct Exchanger {
    /// Where rows are claimed and committed.
    pub store: Store,
    /// How requests are sent.
    pub http: Http,
    /// Where secrets are read from.
    pub environment: Environment,
    /// This worker's name in the rows that it claims.
    pub worker: String,
    /// The database's time.
    pub time: DatabaseTime,
    /// After this nothing new is begun.
    pub deadline: Instant,
}

/// How one attempt ended, before it is known whether another follows in this pass.
enum Attempt {
    Done(Done),
    Failed(Failed, Asked),
}

impl Exchanger {
    /// Keeps one claimed token: an attempt, and after failures that may pass two more, each under
    /// a claim of its own. `updating` is false while this waits between them.
    pub async fn keep(self: Arc<Self>, config: Arc<TokenConfig>, mut claimed: Claimed) -> Done {
        let mut delays = Delays::doubling(RETRY_FIRST, RETRY_LONGEST).take(RETRIES);
        loop {
            let (failed, asked) = match self.attempt(&config, &claimed).await {
                Attempt::Done(done) => return done,
                Attempt::Failed(failed, asked) => (failed, asked),
            };
            let retries = may_retry_in_pass(&failed, asked, config.replay_window);
            let delay = delays
                .next()
                .filter(|delay| retries && Instant::now() + *delay < self.deadline);
            let done = self.release(&config, &claimed, failed, asked, delay).await;
            let Some(delay) = delay else { return done };
            sleep(delay + CLOCK_ROUNDING).await;
            match self
                .store
                .claim(&[claimed.token.id], &self.worker, self.time.now())
                .await
            {
                Ok(mut again) => match again.pop() {
                    Some(Ok(next)) => claimed = next,
                    Some(Err(unopened)) => return self.refuse(&config, unopened).await,
                    None => return done,
                },
                Err(_) => return done,
            }
        }
    }

    /// Gives a row back whose refresh token does not open: the wrong key must neither spend it nor
    /// make it look spent.
    pub async fn refuse(&self, config: &TokenConfig, unopened: Unopened) -> Done {
        let failed = Failed::new(Class::Configuration, unopened.to_string());
        self.release(config, &unopened.claimed, failed, Asked::Refresh, None)
            .await
    }

    async fn attempt(&self, config: &TokenConfig, claimed: &Claimed) -> Attempt {
        let first = match self.first_refresh_token(config, claimed) {
            Ok(first) => first,
            Err(error) => return unconfigured(error.to_string(), Asked::Refresh),
        };
        let step = match plan::plan(claimed, config, first, self.time.now()) {
            Plan::Take(step) => step,
            Plan::GiveUp(why) => return Attempt::Done(self.give_up(claimed, why).await),
        };
        let attempt = self.exchange(config, claimed, &step).await;
        match attempt {
            Attempt::Failed(failed, Asked::Refresh) if failed.class == Class::Rejected => {
                self.after_rejection(config, claimed, failed).await
            }
            attempt => attempt,
        }
    }

    /// The configured first refresh token, where the row may call for it.
    fn first_refresh_token(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
    ) -> Result<Option<Secret>, SettingsError> {
        if !plan::may_need_first_token(claimed) {
            return Ok(None);
        }
        let first = config.provider.first_refresh_token(&self.environment);
        if claimed.refresh_token.is_some() { Ok(first.ok().flatten()) } else { first }
    }

    /// "Dead" is believed only after another look at the row: a sibling may have spent the refresh
    /// token first, and then all is well.
    async fn after_rejection(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        failed: Failed,
    ) -> Attempt {
        if let Ok(Some((row, _))) = self.store.read(&claimed.token.name).await
            && row.generation != claimed.token.generation
        {
            info!(token = %row.name, generation = row.generation, "another worker had renewed it");
            return Attempt::Done(Done::Fenced(row.name));
        }
        if !config.provider.can_login() {
            return self.with_first_token(config, claimed, failed).await;
        }
        warn!(token = %claimed.token.name, "{}: logging in again", failed.message);
        self.exchange(config, claimed, &Step::Login).await
    }

    /// A human forced a row whose stored refresh token turned out dead: now the configured one.
    async fn with_first_token(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        failed: Failed,
    ) -> Attempt {
        let was_rejected = claimed.token.last_error_class.as_deref() == Some(failed.class.as_str());
        let first = self.first_refresh_token(config, claimed).ok().flatten();
        let first = first.filter(|first| Some(first) != claimed.refresh_token.as_ref());
        match first {
            Some(first) if claimed.refresh_token.is_some() && !was_rejected => {
                self.exchange(config, claimed, &Step::Refresh(first)).await
            }
            _ => Attempt::Failed(failed, Asked::Refresh),
        }
    }

    /// One request and what follows from its reply, unless the lease is too short for it.
    async fn exchange(&self, config: &TokenConfig, claimed: &Claimed, step: &Step) -> Attempt {
        let asked = if *step == Step::Login {
            Asked::Login
        } else {
            Asked::Refresh
        };
        let request = match config.provider.request(step, &self.environment) {
            Ok(request) => request,
            Err(error) => return unconfigured(error.to_string(), asked),
        };
        let sent_at = self.time.now();
        if !lease_bears_an_exchange(claimed, sent_at) {
            self.release_unused(claimed).await;
            return Attempt::Done(Done::Unused(claimed.token.name.clone()));
        }
        let reply = self.http.send(&request).await;
        drop(request);
        let judged = classify(asked, config.provider.shape(), reply, self.time.now());
        match judged {
            Outcome::Answer(answer) => {
                self.commit(config, claimed, &answer, None, (asked, sent_at))
                    .await
            }
            Outcome::Partial(answer, problem) => {
                self.commit(config, claimed, &answer, Some(problem), (asked, sent_at))
                    .await
            }
            Outcome::Failed(failed) => Attempt::Failed(failed, asked),
        }
    }

    async fn commit(
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
            Err(error) => return unconfigured(error.to_string(), asked),
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
                Attempt::Done(Done::NotStored {
                    name,
                    message: error.to_string(),
                })
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
    async fn give_up(&self, claimed: &Claimed, why: &'static str) -> Done {
        let (class, release) = plan::release_to_a_human(claimed, why);
        self.give_back(claimed, &release).await;
        let now = self.time.now();
        Self::failed(claimed, Failed::new(class, why), &release, now)
    }

    /// Gives the row back after a failure: for `again_in`, or for as long as the rules say.
    async fn release(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        failed: Failed,
        asked: Asked,
        again_in: Option<Duration>,
    ) -> Done {
        let now = self.time.now();
        let mut release = plan::release_after(claimed, &failed, asked, config, (now, now));
        if let Some(delay) = again_in {
            let next = clock::after(now, delay);
            (release.refresh_at, release.next_attempt_at) = (next, Some(next));
        }
        self.give_back(claimed, &release).await;
        Self::failed(claimed, failed, &release, now)
    }

    /// What a failure is told as.
    fn failed(
        claimed: &Claimed,
        failed: Failed,
        release: &Release,
        now: DateTime<Utc>,
    ) -> Done {
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

    async fn release_unused(&self, claimed: &Claimed) {
        warn!(token = %claimed.token.name, "the lease leaves no time for a request: given back unused");
        self.give_back(claimed, &plan::release_unused(claimed))
            .await;
    }

    /// A claim that cannot be given back lapses by itself with its lease.
    async fn give_back(&self, claimed: &Claimed, release: &Release) {
        if let Err(error) = self.store.release(claimed, release, self.time.now()).await {
            warn!(token = %claimed.token.name, "the claim could not be given back and will lapse: {error}");
        }
    }
}

fn unconfigured(message: String, asked: Asked) -> Attempt {
    Attempt::Failed(Failed::new(Class::Configuration, message), asked)
}

/// Whether a request sent now ends, with its commit, before the lease does.
fn lease_bears_an_exchange(claimed: &Claimed, now: DateTime<Utc>) -> bool {
    claimed
        .token
        .lease_until
        .is_some_and(|end| clock::until(now, end) >= EXCHANGE + LEASE_MARGIN)
}

/// Three tries in a pass: the first and these.
const RETRIES: usize = 2;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// Instants are stored in whole milliseconds.
const CLOCK_ROUNDING: Duration = Duration::from_millis(2);
/// For the commit behind the exchange.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
const COMMIT_RETRY_FIRST: Duration = Duration::from_millis(100);
const COMMIT_RETRY_LONGEST: Duration = Duration::from_secs(5);
/// A database that restarts is back within this; a run must end all the same.
const COMMIT_BEYOND_DEADLINE: Duration = Duration::from_secs(60);
