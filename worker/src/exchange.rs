//! One token from claim to commit: the protocol of one attempt. Which rows are claimed, and how
//! many at once, is decided by `pass`.

mod ending;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    secret::Secret,
    settings::{Environment, SettingsError},
    store::{DatabaseTime, Store, Unopened},
    token::Claimed,
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{
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
    Failed(Tried),
}

/// A try that failed.
struct Tried {
    failed: Failed,
    asked: Asked,
    /// When the request left; the refresh token may be spent since then.
    sent_at: DateTime<Utc>,
    /// The provider has refused the stored refresh token: it is not presented again.
    has_dead_refresh_token: bool,
}

impl Exchanger {
    /// Keeps one claimed token: an attempt, and after failures that may pass two more, each under
    /// a claim of its own. `updating` is false while this waits between them.
    pub async fn keep(self: Arc<Self>, config: Arc<TokenConfig>, mut claimed: Claimed) -> Done {
        let mut delays = Delays::doubling(RETRY_FIRST, RETRY_LONGEST).take(RETRIES);
        loop {
            let tried = match self.attempt(&config, &claimed).await {
                Attempt::Done(done) => return done,
                Attempt::Failed(tried) => tried,
            };
            let retries = may_retry_in_pass(&tried.failed, tried.asked, config.replay_window);
            let delay =
                delays.next().filter(|delay| retries && Instant::now() + *delay < self.deadline);
            let done = self.release(&config, &claimed, tried, delay).await;
            let Some(delay) = delay else { return done };
            sleep(delay + CLOCK_ROUNDING).await;
            match self.store.claim(&[claimed.token.id], &self.worker, self.time.now()).await {
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
        let tried = self.unconfigured(unopened.to_string(), Asked::Refresh);
        self.release(config, &unopened.claimed, tried, None).await
    }

    async fn attempt(&self, config: &TokenConfig, claimed: &Claimed) -> Attempt {
        let first = match self.first_refresh_token(config, claimed) {
            Ok(first) => first,
            Err(error) => {
                return Attempt::Failed(self.unconfigured(error.to_string(), Asked::Refresh));
            }
        };
        let step = match plan::plan(claimed, config, first, self.time.now()) {
            Plan::Take(step) => step,
            Plan::GiveUp(why) => return Attempt::Done(self.give_up(claimed, why).await),
        };
        let attempt = self.exchange(config, claimed, &step).await;
        match attempt {
            Attempt::Failed(tried) if tried.failed.class == Class::Rejected => {
                self.after_rejection(config, claimed, tried).await
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
        rejected: Tried,
    ) -> Attempt {
        if let Ok(Some((row, _))) = self.store.read(&claimed.token.name).await
            && row.generation != claimed.token.generation
        {
            info!(token = %row.name, generation = row.generation, "another worker had renewed it");
            return Attempt::Done(Done::Fenced(row.name));
        }
        if !config.provider.can_login() {
            return self.with_first_token(config, claimed, rejected).await;
        }
        warn!(token = %claimed.token.name, "{}: logging in again", rejected.failed.message);
        match self.exchange(config, claimed, &Step::Login).await {
            Attempt::Failed(tried) => {
                Attempt::Failed(Tried { has_dead_refresh_token: true, ..tried })
            }
            done @ Attempt::Done(_) => done,
        }
    }

    /// A human forced a row whose stored refresh token turned out dead: now the configured one.
    async fn with_first_token(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
        rejected: Tried,
    ) -> Attempt {
        let class = rejected.failed.class.as_str();
        let was_rejected = claimed.token.last_error_class.as_deref() == Some(class);
        let first = self.first_refresh_token(config, claimed).ok().flatten();
        let first = first.filter(|first| Some(first) != claimed.refresh_token.as_ref());
        match first {
            Some(first) if claimed.refresh_token.is_some() && !was_rejected => {
                self.exchange(config, claimed, &Step::Refresh(first)).await
            }
            _ => Attempt::Failed(rejected),
        }
    }

    /// One request and what follows from its reply, unless the lease is too short for it.
    async fn exchange(&self, config: &TokenConfig, claimed: &Claimed, step: &Step) -> Attempt {
        let asked = if *step == Step::Login { Asked::Login } else { Asked::Refresh };
        let request = match config.provider.request(step, &self.environment) {
            Ok(request) => request,
            Err(error) => return Attempt::Failed(self.unconfigured(error.to_string(), asked)),
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
                self.commit(config, claimed, &answer, None, (asked, sent_at)).await
            }
            Outcome::Partial(answer, problem) => {
                self.commit(config, claimed, &answer, Some(problem), (asked, sent_at)).await
            }
            Outcome::Failed(failed) => {
                Attempt::Failed(Tried { failed, asked, sent_at, has_dead_refresh_token: false })
            }
        }
    }

    /// Something of this worker's own was in the way, and nobody was asked.
    fn unconfigured(&self, message: String, asked: Asked) -> Tried {
        let failed = Failed::new(Class::Configuration, message);
        Tried { failed, asked, sent_at: self.time.now(), has_dead_refresh_token: false }
    }
}

/// Whether a request sent now ends, with its commit, before the lease does.
fn lease_bears_an_exchange(claimed: &Claimed, now: DateTime<Utc>) -> bool {
    claimed.token.lease_until.is_some_and(|end| clock::until(now, end) >= EXCHANGE + LEASE_MARGIN)
}

/// Three tries in a pass: the first and these.
const RETRIES: usize = 2;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// Instants are stored in whole milliseconds.
const CLOCK_ROUNDING: Duration = Duration::from_millis(2);
/// For the commit behind the exchange.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
