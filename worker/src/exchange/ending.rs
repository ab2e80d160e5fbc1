//! How an attempt ends: the answer kept in the journal and committed, or the row given back. What
//! led there lies in `exchange`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    name::TokenName,
    store::{Commit, Event, Prepared, Release, StoreError},
    token::{Claimed, State},
};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::{Ended, Exchanger};
use crate::{
    attempt::{Attempt, GiveBack, Next, ToCommit},
    backoff::Delays,
    failpoint,
    outcome::{Asked, Failed},
    report::Done,
};

impl Exchanger {
    pub(super) async fn commit(&self, attempt: &Attempt, commit: ToCommit) -> Ended {
        let (claimed, ToCommit { new, refresh_at, asked, is_lifetime_assumed }) =
            (attempt.claimed(), commit);
        let name = claimed.token.name.clone();
        if is_lifetime_assumed {
            warn!(token = %name, "the provider does not say how long the token lives: five minutes are assumed, set default_lifetime");
        }
        let prepared = match self.store.prepare(claimed, &new, refresh_at, self.time.now()) {
            Ok(prepared) => prepared,
            Err(error) => {
                let next = attempt.unconfigured(asked, error.to_string(), self.time.now());
                return match next {
                    Next::GiveBack(back) => Ended::GivenBack(back),
                    _ => Ended::Done(Done::Unused(name)),
                };
            }
        };
        if let Err(error) = self.journal.append(&prepared).await {
            warn!(token = %name, "the journal does not take the answer, which now goes to the database alone: {error}");
        }
        failpoint::reach("journaled");
        let committed = self.commit_until_acknowledged(&prepared).await;
        failpoint::reach("committed");
        Ended::Done(self.committed(name, (asked, new.problem), committed, &prepared))
    }

    fn committed(
        &self,
        name: TokenName,
        (asked, problem): (Asked, Option<String>),
        committed: Result<Commit, StoreError>,
        prepared: &Prepared,
    ) -> Done {
        match committed {
            Ok(Commit::Fenced) => {
                self.journal.settle(prepared);
                warn!(token = %name, "fenced: another worker committed first, this answer is dropped");
                Done::Fenced(name)
            }
            Ok(Commit::Stored(generation)) => {
                self.journal.settle(prepared);
                let login = asked == Asked::Login;
                let Some(message) = problem else {
                    info!(token = %name, generation, login, "renewed");
                    return Done::Renewed { name, login };
                };
                warn!(token = %name, generation, "partial: {message}");
                Done::Partial { name, message }
            }
            Ok(Commit::Held) => self.not_stored(name, "another worker holds the row"),
            Err(error) => self.not_stored(name, &error.to_string()),
        }
    }

    fn not_stored(&self, name: TokenName, why: &str) -> Done {
        let stays = if self.journal.is_kept() { STAYS_IN_JOURNAL } else { IS_LOST };
        let message = format!("the provider's answer could not be stored: {why}; {stays}");
        error!(token = %name, "{message}");
        Done::NotStored { name, message }
    }

    /// Tries again until the database has acknowledged: the answer in hand may be the only copy of
    /// a rotated refresh token, and is worth more than the run's deadline.
    pub(super) async fn commit_until_acknowledged(
        &self,
        prepared: &Prepared,
    ) -> Result<Commit, StoreError> {
        let name = prepared.name();
        let begun = Instant::now();
        let mut delays = Delays::doubling(COMMIT_RETRY_FIRST, COMMIT_RETRY_LONGEST);
        loop {
            let tried = self.store.commit(prepared, self.time.now()).await;
            let why = match &tried {
                Ok(Commit::Held) => "another worker holds the row".to_owned(),
                Ok(_) => return tried,
                Err(error) => error.to_string(),
            };
            if Instant::now() >= self.last_try(begun) {
                return tried;
            }
            warn!(token = %name, "the answer is not stored yet, trying again: {why}");
            sleep(delays.next().unwrap_or(COMMIT_RETRY_LONGEST)).await;
        }
    }

    /// Until when a commit that was begun at `begun` is tried again. Who asks to stop waits less:
    /// the next run replays the journal.
    fn last_try(&self, begun: Instant) -> Instant {
        if self.stop.is_asked() && self.journal.is_kept() {
            begun + COMMIT_AFTER_STOP
        } else {
            self.deadline.max(begun) + COMMIT_BEYOND_DEADLINE
        }
    }

    /// Gives the row back: for `again_in`, or for as long as the rules say.
    pub(super) async fn give_back(
        &self,
        claimed: &Claimed,
        mut back: GiveBack,
        again_in: Option<Duration>,
    ) -> Done {
        let now = self.time.now();
        if let Some(delay) = again_in {
            back.again_in(delay, now);
        }
        // A claim that cannot be given back lapses by itself with its lease.
        if let Err(error) = self.store.release(claimed, &back.release, now).await {
            warn!(token = %claimed.token.name, "the claim could not be given back and will lapse: {error}");
        }
        match back.failed {
            Some(failed) => Self::failed(claimed, failed, &back.release, now),
            None => Done::Unused(claimed.token.name.clone()),
        }
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

    /// Puts an attempt into the history.
    pub(super) fn note(&self, attempt: &Attempt, began: DateTime<Utc>, done: &Done) {
        let claimed = attempt.claimed();
        let (outcome, message) = done.outcome();
        let is_newer = matches!(done, Done::Renewed { .. } | Done::Partial { .. });
        self.events.add(Event {
            name: claimed.token.name.clone(),
            at: began,
            worker: self.worker.clone(),
            attempt: claimed.attempt,
            action: attempt.asked().map_or("none", Asked::as_str).to_owned(),
            outcome: outcome.to_owned(),
            generation: claimed.token.generation + i64::from(is_newer),
            duration: clock::until(began, self.time.now()),
            message: message.map(str::to_owned),
        });
    }
}

const COMMIT_RETRY_FIRST: Duration = Duration::from_millis(100);
const COMMIT_RETRY_LONGEST: Duration = Duration::from_secs(5);
/// A database that restarts is back within this; a run must end all the same.
const COMMIT_BEYOND_DEADLINE: Duration = Duration::from_secs(60);
/// Service managers kill what has not stopped after some tens of seconds.
const COMMIT_AFTER_STOP: Duration = Duration::from_secs(10);

const STAYS_IN_JOURNAL: &str = "it stays in the journal, and the next run on this host stores it";
const IS_LOST: &str = "the journal is off, so it is lost with this process";
