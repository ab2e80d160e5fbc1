//! The state behind one sandbox, shared by its handle and its requests, under one short lock.
//! HTTP is not here: requests are read in `quartile` and `rfc6749`, answers are sent by `exchange`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    fault::Fault,
    ledger::{Issued, Ledger},
    observation::{Counts, Exchange},
    recorded::Heard,
    settings::{Credentials, Settings},
};

pub(super) struct Provider {
    settings: Settings,
    inner: Mutex<Inner>,
}

/// What changes while the provider runs.
pub(super) struct Inner {
    pub ledger: Ledger,
    pub credentials: Credentials,
    pub latency: Duration,
    pub queue: VecDeque<Arc<Fault>>,
    pub standing: Option<Arc<Fault>>,
    pub counts: Counts,
    pub spends: HashMap<String, u64>,
    pub exchanges: Vec<Exchange>,
    pub last: Option<Heard>,
}

/// What a client asks of an exchange, once its credentials have been checked.
pub(super) enum Asked {
    Login { scope: Option<String>, refreshable: bool },
    Refresh { token: String },
}

/// Why an exchange is refused; each protocol has its own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request cannot be read; says what is wrong.
    Malformed(&'static str),
    /// The client (or the subscription) is unknown.
    Client,
    /// The user name or the password is wrong.
    Login,
    /// The refresh token cannot be spent.
    Refresh,
    /// The grant type is unknown.
    GrantType,
}

impl Asked {
    fn refresh_token(&self) -> Option<&str> {
        match self {
            Self::Login { .. } => None,
            Self::Refresh { token } => Some(token),
        }
    }
}

impl Provider {
    pub fn new(settings: Settings) -> Self {
        let inner = Inner {
            ledger: Ledger::default(),
            credentials: settings.credentials.clone(),
            latency: settings.latency,
            queue: VecDeque::new(),
            standing: None,
            counts: Counts::default(),
            spends: HashMap::new(),
            exchanges: Vec::new(),
            last: None,
        };
        Self { settings, inner: Mutex::new(inner) }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A test that panicked while it held the lock has failed anyway; the others may go on.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an exchange, and a refresh token as presented, whatever becomes of it; says what goes
    /// wrong.
    pub fn begin(&self, asked: Result<&Asked, &Refusal>) -> Option<Arc<Fault>> {
        let mut inner = self.lock();
        inner.counts.exchanges += 1;
        if let Ok(Asked::Refresh { token }) = asked {
            inner.counts.replays += u64::from(inner.ledger.is_superseded(token));
            *inner.spends.entry(token.clone()).or_default() += 1;
        }
        inner.queue.pop_front().or_else(|| inner.standing.clone())
    }

    /// Issues the tokens, or refuses them, and counts which.
    pub fn settle(&self, asked: Result<Asked, Refusal>) -> Result<Issued, Refusal> {
        let now = instant();
        let mut inner = self.lock();
        let presented = asked.as_ref().ok().and_then(Asked::refresh_token).map(str::to_owned);
        let superseded =
            presented.as_deref().is_some_and(|token| inner.ledger.is_superseded(token));
        let outcome = asked.and_then(|asked| inner.issue(&self.settings, asked, now));
        inner.counts.refused += u64::from(outcome.is_err());
        let issued = outcome.as_ref().ok();
        inner.exchanges.push(Exchange {
            at: now,
            presented,
            superseded,
            access_token: issued.map(|issued| issued.access.clone()),
            expires_in: issued.map_or(Duration::ZERO, |issued| issued.access_left),
        });
        outcome
    }

    /// Tokens for a fresh grant that nobody asked for over HTTP; nothing is counted.
    pub fn open_grant(&self) -> Issued {
        self.lock().ledger.open(&self.settings, None, instant())
    }
}

impl Inner {
    fn issue(
        &mut self,
        settings: &Settings,
        asked: Asked,
        now: Instant,
    ) -> Result<Issued, Refusal> {
        match asked {
            Asked::Login { scope, refreshable } => {
                self.counts.logins += 1;
                Ok(if refreshable {
                    self.ledger.open(settings, scope, now)
                } else {
                    self.ledger.open_without_refresh(settings, scope, now)
                })
            }
            Asked::Refresh { token } => {
                let issued = self.ledger.spend(settings, &token, now).ok_or(Refusal::Refresh)?;
                self.counts.refreshes += 1;
                Ok(issued)
            }
        }
    }
}

/// The sandbox's monotonic time: tokio's, so that a test with paused time moves it.
pub(super) fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The sandbox's wall clock, which only dates what answers say; lifetimes are measured by
/// [`instant`].
#[expect(
    clippy::disallowed_methods,
    reason = "a stand-in for somebody else's server, which has its own clock"
)]
pub(super) fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

/// The wall-clock time after `left`; far beyond every calendar, the last moment there is.
pub(super) fn wall_clock_after(now: DateTime<Utc>, left: Duration) -> DateTime<Utc> {
    let left = TimeDelta::from_std(left).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(left).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
