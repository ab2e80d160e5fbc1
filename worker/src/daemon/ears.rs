//! Hears from the database which rows have changed, where it tells (PostgreSQL). Elsewhere, and behind a pooler that
//! swallows it, asking again finds everything a few seconds later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokenkeeper_shared::{
    dialect::Dialect,
    store::{Store, StoreError},
};
use tokio::{sync::Notify, task::JoinHandle, time::sleep};

/// A task that listens. It ends with this value.
#[derive(Debug)]
pub struct Ears {
    heard: Arc<Heard>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    change: Notify,
    is_listening: AtomicBool,
}

impl Ears {
    /// Begins to listen.
    #[must_use]
    pub fn open(store: &Store) -> Self {
        let heard = Arc::new(Heard::default());
        let tells = store.url().dialect() == Dialect::Postgres;
        let task = tells.then(|| tokio::spawn(listen(store.clone(), heard.clone())));
        Self { heard, task }
    }

    /// Whether changes are told at this moment.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.heard.is_listening.load(Ordering::Relaxed)
    }

    /// Waits for a change; one that came since the last call counts.
    pub async fn change(&self) {
        self.heard.change.notified().await;
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn listen(store: Store, heard: Arc<Heard>) {
    loop {
        if let Err(error) = hear(&store, &heard).await {
            tracing::debug!("the database cannot be listened to: {error}");
        }
        heard.is_listening.store(false, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
}

async fn hear(store: &Store, heard: &Heard) -> Result<(), StoreError> {
    let Some(mut changes) = store.changes().await? else { return Ok(()) };
    heard.is_listening.store(true, Ordering::Relaxed);
    // What happened before is not told.
    heard.change.notify_one();
    loop {
        changes.next().await?;
        heard.change.notify_one();
    }
}

/// A pooler or a server that refuses to be listened to is not pressed.
const PAUSE: Duration = Duration::from_secs(10);
