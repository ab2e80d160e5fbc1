//! One token from claim to commit: does what `attempt` says, over the network and in the database.
//! Which rows are claimed, and how many at once, is decided by `pass`.

mod ending;

use std::{sync::Arc, time::Duration};

use tokenkeeper_shared::{
    secret::Secret,
    settings::Environment,
    store::{DatabaseTime, Store, Unopened},
    token::Claimed,
};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{
    attempt::{Attempt, GiveBack, Next, Sent},
    backoff::Delays,
    config::TokenConfig,
    events::Events,
    failpoint,
    http::{EXCHANGE, Http},
    journal::Journal,
    outcome::Asked,
    plan,
    provider::Step,
    report::Done,
    stop::Stop,
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
    /// Once asked to stop nothing new is begun either.
    pub stop: Stop,
    /// Where answers are kept until the database has them.
    pub journal: Journal,
    /// What was tried, for the history.
    pub events: Events,
}

/// How one attempt ended, before it is known whether another follows in this pass.
enum Ended {
    Done(Done),
    GivenBack(Box<GiveBack>),
}

impl Exchanger {
    /// Whether nothing new is to be begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stop.is_asked() || Instant::now() >= self.deadline
    }

    /// Writes what is still to be written, and tidies: the end of a run, or a while without work.
    pub async fn rest(&self) {
        if self.write_out().await {
            Events::trim(&self.store, self.time.now()).await;
        }
    }

    /// Writes what is still to be written: the end of a run that the database has failed. Whether it
    /// took the history.
    pub async fn write_out(&self) -> bool {
        self.journal.rest().await;
        failpoint::reach("resting");
        self.events.flush(&self.store).await
    }

    /// Notes in the database that a run has ended. Where that fails the tokens are kept all the same.
    pub async fn note_run(&self) {
        if let Err(error) = self.store.note_run(self.time.now()).await {
            warn!(
                "the time of this run is missing in the metrics, see `tokenkeeper-worker doctor`: {error}"
            );
        }
    }

    /// The digest of the login that the configuration calls for today, where it calls for one.
    #[must_use]
    pub fn login_digest(&self, config: &TokenConfig) -> Option<String> {
        let request = config.provider.request(&Step::Login, &self.environment).ok()?;
        Some(self.store.login_digest(&request.in_one()))
    }

    /// Keeps one claimed token: an attempt, and after failures that may pass two more, each under
    /// a claim of its own. `updating` is false while this waits between them.
    pub async fn keep(self: Arc<Self>, config: Arc<TokenConfig>, mut claimed: Claimed) -> Done {
        let mut delays = Delays::doubling(RETRY_FIRST, RETRY_LONGEST).take(RETRIES);
        loop {
            failpoint::reach("claimed");
            let began = self.time.now();
            let (attempt, ended) = self.attempt(&config, claimed.clone()).await;
            let (done, delay) = match ended {
                Ended::Done(done) => (done, None),
                Ended::GivenBack(back) => {
                    let delay = delays.next().filter(|delay| {
                        let in_time = Instant::now() + *delay < self.deadline;
                        back.may_retry_in_pass && in_time && !self.stop.is_asked()
                    });
                    (self.give_back(&claimed, *back, delay).await, delay)
                }
            };
            self.note(&attempt, began, &done);
            let Some(delay) = delay else { return done };
            // Giving the row back may have taken longer than was left.
            if self.stop.within(delay + CLOCK_ROUNDING).await || self.is_over() {
                return done;
            }
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
    pub async fn refuse(&self, config: &Arc<TokenConfig>, unopened: Unopened) -> Done {
        let (why, began) = (unopened.to_string(), self.time.now());
        let claimed = *unopened.claimed;
        let (attempt, next) =
            Attempt::begin(config.clone(), claimed.clone(), Err(why), self.time.now());
        let done = match next {
            Next::GiveBack(back) => self.give_back(&claimed, *back, None).await,
            _ => Done::Unused(claimed.token.name),
        };
        self.note(&attempt, began, &done);
        done
    }

    async fn attempt(&self, config: &Arc<TokenConfig>, claimed: Claimed) -> (Attempt, Ended) {
        let first = self.first_refresh_token(config, &claimed);
        let (mut attempt, mut next) =
            Attempt::begin(config.clone(), claimed, first, self.time.now());
        loop {
            next = match next {
                Next::Exchange(step) => self.exchange(config, &mut attempt, &step).await,
                Next::ReadAgain => {
                    let read = self.store.read(&attempt.claimed().token.name).await;
                    let generation = read.ok().flatten().map(|(row, _)| row.generation);
                    attempt.row_stands_at(generation, self.time.now())
                }
                Next::Commit(commit) => {
                    let ended = self.commit(&attempt, *commit).await;
                    return (attempt, ended);
                }
                Next::GiveBack(back) => return (attempt, Ended::GivenBack(back)),
                Next::Leave => {
                    let name = attempt.claimed().token.name.clone();
                    info!(token = %name, "another worker had renewed it");
                    return (attempt, Ended::Done(Done::Fenced(name)));
                }
            };
        }
    }

    /// The configured first refresh token, where the row may call for it.
    fn first_refresh_token(
        &self,
        config: &TokenConfig,
        claimed: &Claimed,
    ) -> Result<Option<Secret>, String> {
        if !plan::may_need_first_token(claimed) {
            return Ok(None);
        }
        config.provider.first_refresh_token(&self.environment).map_err(|error| error.to_string())
    }

    /// One request and what its reply calls for, unless the lease is too short for it.
    async fn exchange(&self, config: &TokenConfig, attempt: &mut Attempt, step: &Step) -> Next {
        let request = match config.provider.request(step, &self.environment) {
            Ok(request) => request,
            Err(error) => {
                return attempt.unconfigured(Asked::by(step), error.to_string(), self.time.now());
            }
        };
        let login = (*step == Step::Login).then(|| self.store.login_digest(&request.in_one()));
        let sent = Sent { at: self.time.now(), login };
        if !attempt.lease_bears_an_exchange(EXCHANGE, sent.at) {
            let name = &attempt.claimed().token.name;
            warn!(token = %name, "the lease leaves no time for a request: given back unused");
            return attempt.too_late();
        }
        let reply = self.http.send(&request).await;
        failpoint::reach("answered");
        attempt.answered(step, reply, sent, self.time.now())
    }
}

/// Three tries in a pass: the first and these.
const RETRIES: usize = 2;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// Instants are stored in whole milliseconds.
const CLOCK_ROUNDING: Duration = Duration::from_millis(2);
