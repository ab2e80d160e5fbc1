//! Asking the store for a token and waiting while a worker is at it: the mission's contract, kept
//! in one loop for the library, the command line and the demo. The judgement is `lifecycle::verdict`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    clock,
    lifecycle::verdict::{Refusal, Verdict, Warning, Wish, verdict, verdict_without_waiting},
    name::TokenName,
    secret::Secret,
    store::{Store, StoreError},
    token::Token,
};

/// What a consumer gets.
#[derive(Debug, Clone)]
pub struct HandedOut {
    /// The row, with the access token's times, type and scope.
    pub token: Token,
    /// The access token itself.
    pub access_token: Secret,
    /// Why it may soon not work.
    pub warning: Option<Warning>,
    /// The database's time when the row was read.
    pub now: DateTime<Utc>,
    /// Whether a worker was at it and the caller waited.
    pub waited: bool,
}

/// Why there is nothing to hand out.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// There is no row of this name.
    #[error("there is no token named \"{0}\": see `tokenkeeper-consumer list`")]
    NoSuchName(TokenName),
    /// The row holds no token that works.
    #[error("\"{}\" has no valid token: {refusal}", token.name)]
    Refused {
        /// The row.
        token: Box<Token>,
        /// The database's time when it was read.
        now: DateTime<Utc>,
        /// Why.
        refusal: Refusal,
    },
    /// The database did not answer, or what it holds cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Hands out the newest token of `name`: polls while a worker is at it, for at most `wait`, and
/// then falls back to the stored token as long as that is valid.
///
/// # Errors
/// [`NoToken`].
pub async fn hand_out(
    store: &Store,
    name: &TokenName,
    wish: Wish,
    wait: Duration,
) -> Result<HandedOut, NoToken> {
    let deadline = deadline_in(wait);
    let mut waited = false;
    loop {
        let read = store.read(name).await?;
        let (token, now) = read.ok_or_else(|| NoToken::NoSuchName(name.clone()))?;
        let judged = match verdict(&token, now, wish) {
            Verdict::Wait(_) if Instant::now() >= deadline => {
                verdict_without_waiting(&token, now, wish)
            }
            judged => judged,
        };
        match judged {
            Verdict::Token(warning) => return handed_out(store, token, warning, now, waited),
            Verdict::Refused(refusal) => {
                return Err(NoToken::Refused { token: Box::new(token), now, refusal });
            }
            Verdict::Wait(until) => {
                waited = true;
                let pause = POLL.min(clock::until(now, until) + LEASE_ROUNDING);
                tokio::select! { () = sleep(pause) => {}, () = sleep_until(deadline) => {} }
            }
        }
    }
}

fn handed_out(
    store: &Store,
    token: Token,
    warning: Option<Warning>,
    now: DateTime<Utc>,
    waited: bool,
) -> Result<HandedOut, NoToken> {
    let opened = store.open_access_token(&token)?;
    match opened {
        Some(access_token) => Ok(HandedOut { token, access_token, warning, now, waited }),
        None => Err(NoToken::Refused { token: Box::new(token), now, refusal: Refusal::NoTokenYet }),
    }
}

/// `wait` from now; a wait beyond any clock is a month.
fn deadline_in(wait: Duration) -> Instant {
    Instant::now() + wait.min(LONGEST_WAIT)
}

/// A read by key costs a fraction of a millisecond on each database; an exchange takes hundreds.
const POLL: Duration = Duration::from_millis(100);
/// Leases are stored in whole milliseconds.
const LEASE_ROUNDING: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);
