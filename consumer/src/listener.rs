//! Hears from the database which rows have changed, where it tells. Without it callers still learn
//! of everything, by asking again.

use std::{
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use tokenkeeper_shared::{
    dialect::Dialect,
    store::{Change, Store, StoreError},
};
use tokio::{task::JoinHandle, time::sleep};

use crate::asking::Inner;

/// The task that listens. It ends with the consumer.
#[derive(Debug, Default)]
pub(crate) struct Listener(Mutex<Option<JoinHandle<()>>>);

impl Listener {
    /// Begins to listen, unless it does so already. A task whose runtime has ended is replaced.
    pub(crate) fn start(&self, store: &Store, inner: Weak<Inner>) {
        if store.url().dialect() != Dialect::Postgres {
            return;
        }
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(listen(store.clone(), inner)));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

async fn listen(store: Store, inner: Weak<Inner>) {
    loop {
        if let Err(error) = hear(&store, &inner).await {
            tracing::debug!("the database cannot be listened to: {error}");
        }
        sleep(PAUSE).await;
    }
}

async fn hear(store: &Store, inner: &Weak<Inner>) -> Result<(), StoreError> {
    let Some(mut changes) = store.changes().await? else {
        return Ok(());
    };
    // What happened before is not told.
    let mut change = Change::Unknown;
    while let Some(inner) = inner.upgrade() {
        match &change {
            Change::Of(name) => {
                if let Some(cell) = inner.cells.find(name) {
                    cell.change();
                }
            }
            Change::Unknown => inner.cells.change_all(),
        }
        drop(inner);
        change = changes.next().await?;
    }
    Ok(())
}

/// A pooler or a server that refuses to be listened to is not pressed.
const PAUSE: Duration = Duration::from_secs(10);
