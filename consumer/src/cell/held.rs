//! What is remembered of one reading, and for which questions it is handed out without further
//! thought.

use std::{ops::Range, sync::Arc, time::Duration};

use tokenkeeper_shared::{
    clock::Clock,
    lifecycle::verdict::{Verdict, Wish, verdict},
    token::Token,
    wait::Seen,
};

/// A row whose access token worked when it was read.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) seen: Arc<Seen>,
    pub(super) read: Reading,
    pub(super) plain: Plain,
}

/// When a row was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) epoch: u64,
    /// By the monotonic clock.
    pub(super) asked_at: Duration,
    /// By a glance at the wall clock.
    glance: u64,
}

/// For which questions a row is handed out without further thought.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// While a glance at the wall clock falls in here; empty where there is something to think about.
    pub(super) during: Range<u64>,
    /// What a caller may ask for at most.
    pub(super) min_ttl: Duration,
}

impl Reading {
    pub(super) fn now(epoch: u64, clock: &dyn Clock) -> Self {
        Self { epoch, asked_at: clock.monotonic(), glance: clock.glance() }
    }
}

impl Held {
    /// Handed out and not remembered.
    pub(crate) fn alone(seen: Arc<Seen>) -> Self {
        let read = Reading { epoch: 0, asked_at: Duration::ZERO, glance: 0 };
        Self { seen, read, plain: Plain::default() }
    }
}

impl Plain {
    /// The wall clock may be set back once while it is glanced at: the token must work twice as long
    /// as it is handed out unasked.
    pub(super) fn of(seen: &Seen, read: Reading, max_staleness: Duration) -> Self {
        let wish = Wish { min_ttl: Duration::ZERO, ..Wish::default() };
        let left = seen.token.valid_for(seen.now).saturating_sub(max_staleness * 2);
        if verdict(&seen.token, seen.now, wish) != Verdict::Token(None) || left.is_zero() {
            return Self::default();
        }
        let nanos = u64::try_from(max_staleness.as_nanos()).unwrap_or(u64::MAX);
        // No caller's wish counts beyond a quarter of the life.
        let any = seen.token.lifetime().is_some_and(|life| life / 4 <= left);
        Self {
            during: read.glance..read.glance.saturating_add(nanos),
            min_ttl: if any { Duration::MAX } else { left },
        }
    }
}

/// A row of a lower generation whose answer is later was made anew: it counts.
pub(super) fn is_newer(known: &Token, given: &Token) -> bool {
    known.id == given.id
        && known.generation > given.generation
        && known.last_success_at >= given.last_success_at
}
