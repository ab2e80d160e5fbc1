//! Asking the store for a token and waiting while a worker is at it: the mission's contract, kept
//! in one loop for the library, the command line and the demo. The judgement is `lifecycle::verdict`;
//! how long to wait for what is `wait::patience`.

mod patience;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub use self::patience::Patience;
use crate::{
    clock,
    lifecycle::verdict::{Refusal, Verdict, Warning, Wish, verdict, verdict_without_waiting},
    name::TokenName,
    secret::Secret,
    store::{DatabaseTime, Store, StoreError},
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
    /// The database's time from then on. It may run ahead by what the question took, never behind.
    pub time: DatabaseTime,
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

/// A row as it was read, and the database's time since then.
struct Seen {
    token: Token,
    now: DateTime<Utc>,
    time: DatabaseTime,
}

/// Hands out the newest token of `name`: polls while a worker is at it or the database is out of
/// reach, for as long as `patience` lasts, and then falls back to the stored token while that is valid.
///
/// # Errors
/// [`NoToken`].
pub async fn hand_out(
    store: &Store,
    name: &TokenName,
    wish: Wish,
    patience: Patience,
) -> Result<HandedOut, NoToken> {
    let mut before: Option<Seen> = None;
    loop {
        let waited = before.is_some();
        let seen = match patience.ask(|| look(store, name)).await {
            Ok(seen) => seen.ok_or_else(|| NoToken::NoSuchName(name.clone()))?,
            Err(error) => return out_of_reach(store, before, error),
        };
        let judged = match verdict(&seen.token, seen.now, wish) {
            Verdict::Wait(_) if patience.is_over() => {
                verdict_without_waiting(&seen.token, seen.now, wish)
            }
            judged => judged,
        };
        match judged {
            Verdict::Token(warning) => return handed_out(store, seen, warning, waited),
            Verdict::Refused(refusal) => return Err(refused(seen, refusal)),
            Verdict::Wait(until) => {
                patience.pause(POLL.min(clock::until(seen.now, until) + LEASE_ROUNDING)).await;
                before = Some(seen);
            }
        }
    }
}

async fn look(store: &Store, name: &TokenName) -> Result<Option<Seen>, StoreError> {
    let asked_at = store.monotonic();
    let read = store.read(name).await?;
    Ok(read.map(|(token, now)| Seen { token, now, time: store.carried_on(now, asked_at) }))
}

/// The database went away while the caller waited for a worker: what was seen before still works, or
/// nothing does.
fn out_of_reach(
    store: &Store,
    before: Option<Seen>,
    error: StoreError,
) -> Result<HandedOut, NoToken> {
    let before = before.filter(|_| error.is_transient());
    match before.map(|seen| Seen { now: seen.time.now(), ..seen }) {
        Some(seen) if seen.token.is_valid(seen.now) => {
            handed_out(store, seen, Some(Warning::OutOfReach), true)
        }
        _ => Err(error.into()),
    }
}

fn handed_out(
    store: &Store,
    seen: Seen,
    warning: Option<Warning>,
    waited: bool,
) -> Result<HandedOut, NoToken> {
    let Some(access_token) = store.open_access_token(&seen.token)? else {
        return Err(refused(seen, Refusal::NoTokenYet));
    };
    let Seen { token, now, time } = seen;
    Ok(HandedOut { token, access_token, warning, now, time, waited })
}

fn refused(seen: Seen, refusal: Refusal) -> NoToken {
    NoToken::Refused { token: Box::new(seen.token), now: seen.now, refusal }
}

/// A read by key costs a fraction of a millisecond on each database; an exchange takes hundreds.
const POLL: Duration = Duration::from_millis(100);
/// Leases are stored in whole milliseconds.
const LEASE_ROUNDING: Duration = Duration::from_millis(1);
