//! Asking for a token and waiting while a worker is at it: the mission's contract, kept in one loop
//! for the library, the command line and the demo. The judgement is `lifecycle::verdict`; how long to
//! wait for what is `wait::patience`.

mod patience;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::time::sleep;

pub use self::patience::Patience;
use crate::{
    clock,
    lifecycle::verdict::{Refusal, Verdict, Warning, Wish, verdict, verdict_without_waiting},
    name::TokenName,
    secret::Secret,
    store::{DatabaseTime, Store, StoreError},
    token::{Stored, Token},
};

/// A row as it was read.
#[derive(Debug)]
pub struct Seen {
    /// The row, with the access token's times, type and scope.
    pub token: Token,
    /// The access token itself, where it worked at `now`.
    pub access_token: Option<Secret>,
    /// The database's time when the row was read.
    pub now: DateTime<Utc>,
    /// The database's time from then on. It may run ahead by what the question took, never behind.
    pub time: DatabaseTime,
}

/// Where rows are read: the store itself, or a memory before it.
pub trait Source: Sync {
    /// The row of this name. Callers may share one reading.
    fn look(
        &self,
        name: &TokenName,
    ) -> impl Future<Output = Result<Option<Arc<Seen>>, StoreError>> + Send;

    /// Ends when the row may have changed, or after `at_most`.
    fn change(&self, at_most: Duration) -> impl Future<Output = ()> + Send;
}

impl Source for Store {
    async fn look(&self, name: &TokenName) -> Result<Option<Arc<Seen>>, StoreError> {
        let asked_at = self.monotonic();
        let Some((mut token, now)) = self.read(name).await? else {
            return Ok(None);
        };
        let access_token = if token.is_valid(now) { self.open_access_token(&token)? } else { None };
        token.access_token = token.access_token.map(|_| Stored::opened());
        let time = self.carried_on(now, asked_at);
        Ok(Some(Arc::new(Seen { token, access_token, now, time })))
    }

    async fn change(&self, at_most: Duration) {
        sleep(at_most).await;
    }
}

/// What a consumer gets.
#[derive(Debug, Clone)]
pub struct HandedOut {
    /// The row, whose access token worked when it was judged.
    pub seen: Arc<Seen>,
    /// Why it may soon not work.
    pub warning: Option<Warning>,
    /// Whether a worker was at it and the caller waited.
    pub waited: bool,
}

impl HandedOut {
    /// The access token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.seen.access_token.as_ref().map_or("", Secret::expose)
    }
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

/// Hands out the newest token of `name`: polls while a worker is at it or the database is out of
/// reach, for as long as `patience` lasts, and then falls back to the stored token while that is valid.
///
/// # Errors
/// [`NoToken`].
pub async fn hand_out(
    source: &impl Source,
    name: &TokenName,
    wish: Wish,
    patience: Patience,
) -> Result<HandedOut, NoToken> {
    let mut before: Option<Arc<Seen>> = None;
    loop {
        let waited = before.is_some();
        let seen = match patience.ask(|| source.look(name)).await {
            Ok(seen) => seen.ok_or_else(|| NoToken::NoSuchName(name.clone()))?,
            Err(error) => return out_of_reach(before, error),
        };
        let judged = match verdict(&seen.token, seen.now, wish) {
            Verdict::Wait(_) if patience.is_over() => {
                verdict_without_waiting(&seen.token, seen.now, wish)
            }
            judged => judged,
        };
        match judged {
            Verdict::Token(warning) if seen.access_token.is_some() => {
                return Ok(HandedOut { seen, warning, waited });
            }
            Verdict::Token(_) => return Err(refused(&seen, Refusal::NoTokenYet)),
            Verdict::Refused(refusal) => return Err(refused(&seen, refusal)),
            Verdict::Wait(until) => {
                let lapses = clock::until(seen.now, until) + LEASE_ROUNDING;
                source.change(patience.at_most(POLL.min(lapses))).await;
                before = Some(seen);
            }
        }
    }
}

/// The database went away while the caller waited for a worker: what was seen before still works, or
/// nothing does.
fn out_of_reach(before: Option<Arc<Seen>>, error: StoreError) -> Result<HandedOut, NoToken> {
    let before = before.filter(|_| error.is_transient());
    match before.filter(|seen| seen.token.is_valid(seen.time.now())) {
        Some(seen) if seen.access_token.is_some() => {
            Ok(HandedOut { seen, warning: Some(Warning::OutOfReach), waited: true })
        }
        _ => Err(error.into()),
    }
}

fn refused(seen: &Seen, refusal: Refusal) -> NoToken {
    NoToken::Refused { token: Box::new(seen.token.clone()), now: seen.now, refusal }
}

/// A read by key costs a fraction of a millisecond on each database; an exchange takes hundreds. Who
/// waits is told within 100 ms, also where the database wakes nobody.
const POLL: Duration = Duration::from_millis(50);
/// Leases are stored in whole milliseconds.
const LEASE_ROUNDING: Duration = Duration::from_millis(1);
