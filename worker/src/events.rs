//! What was tried, gathered and written in batches: a statement for each attempt would be one more
//! for each refreshed row. An attempt of a worker that is killed may be missing in the history;
//! the row itself tells what became of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::store::{EVENTS_AT_ONCE, Event, Store};
use tracing::warn;

/// Events that are not written yet.
#[derive(Debug, Default)]
pub struct Events(Mutex<Vec<Event>>);

impl Events {
    /// One more.
    pub fn add(&self, event: Event) {
        self.gathered().push(event);
    }

    /// Writes them if there are enough for a batch.
    pub async fn flush_batch(&self, store: &Store) {
        if self.gathered().len() >= EVENTS_AT_ONCE {
            self.flush(store).await;
        }
    }

    /// Writes what there is, up to the first batch that the database does not take: one that hangs is
    /// waited for once. Whether all is written; a history that cannot be written keeps nobody from
    /// anything.
    pub async fn flush(&self, store: &Store) -> bool {
        let events = std::mem::take(&mut *self.gathered());
        let mut missing = events.len();
        for batch in events.chunks(EVENTS_AT_ONCE) {
            if let Err(error) = store.record(batch).await {
                warn!("{missing} events are missing in the history: {error}");
                return false;
            }
            missing -= batch.len();
        }
        true
    }

    /// Forgets the oldest ones in the database.
    pub async fn trim(store: &Store, now: DateTime<Utc>) {
        if let Err(error) = store.trim_history(now).await {
            warn!("the history could not be trimmed: {error}");
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
