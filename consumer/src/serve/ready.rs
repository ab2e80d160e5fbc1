//! Whether the server can serve: it asks the database, once for all that want to know at a time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::Consumer;

/// What is known of the database, and of what was handed out.
#[derive(Debug)]
pub(super) struct Ready {
    last: Mutex<Option<(Instant, bool)>>,
    began: Instant,
    /// Until when some token that was handed out works, in seconds since the server began.
    served_until: AtomicU64,
}

impl Default for Ready {
    fn default() -> Self {
        Self { last: Mutex::default(), began: Instant::now(), served_until: AtomicU64::new(0) }
    }
}

/// What the server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// The database is out of reach; tokens that were handed out before still are.
    Degraded,
    Unavailable,
}

impl Ready {
    /// Asks the database, not more often than once a second.
    pub(super) async fn ask(&self, consumer: &Consumer) -> Readiness {
        if self.database_answers(consumer).await {
            return Readiness::Ready;
        }
        if self.served_until.load(Ordering::Relaxed) > self.began.elapsed().as_secs() {
            Readiness::Degraded
        } else {
            Readiness::Unavailable
        }
    }

    pub(super) async fn database_answers(&self, consumer: &Consumer) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answered)) = *last
            && at.elapsed() < KEPT
        {
            return answered;
        }
        // Also tells of a schema that does not fit.
        let listed = timeout(PATIENCE, consumer.list(None, 1)).await;
        let answered = matches!(listed, Ok(Ok(_)));
        *last = Some((Instant::now(), answered));
        answered
    }

    /// A token was handed out that works for so long.
    pub(super) fn served(&self, expires_in: Duration) {
        let until = self.began.elapsed().saturating_add(expires_in).as_secs();
        // Nearly all know nothing new: what many threads write has them wait for each other.
        if self.served_until.load(Ordering::Relaxed) < until {
            self.served_until.fetch_max(until, Ordering::Relaxed);
        }
    }
}

const KEPT: Duration = Duration::from_secs(1);
/// A probe waits no longer; a database that takes so long serves nobody well.
const PATIENCE: Duration = Duration::from_secs(2);
