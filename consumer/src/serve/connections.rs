//! How many connections there are at once. When there is no room, the one that has been idle longest
//! makes some: half-open connections, however many, keep nobody out.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// All connections of the server.
#[derive(Debug)]
pub(super) struct Connections {
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
    next: AtomicU64,
    most: usize,
    began: Instant,
    left: Notify,
}

/// One connection's place.
#[derive(Debug, Default)]
struct Slot {
    busy: AtomicUsize,
    /// Milliseconds since the server began.
    idle_since: AtomicU64,
    has_begun: AtomicBool,
    begun: Notify,
    close: Notify,
}

/// A place that is held until this value goes.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    slot: Arc<Slot>,
    id: u64,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Busy<'a>(&'a Place);

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: Mutex::default(),
            next: AtomicU64::new(0),
            most,
            began: Instant::now(),
            left: Notify::new(),
        }
    }

    /// A place for one more; `None` when all others are being answered.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut slots = self.slots();
        if slots.len() >= self.most {
            let is_idle = |(_, slot): &(&u64, &Arc<Slot>)| slot.is_idle();
            let since = |(_, slot): &(&u64, &Arc<Slot>)| slot.idle_since.load(Ordering::Relaxed);
            let oldest = slots.iter().filter(is_idle).min_by_key(since).map(|(id, _)| *id)?;
            slots.remove(&oldest)?.close.notify_one();
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot { idle_since: self.now().into(), ..Slot::default() });
        slots.insert(id, slot.clone());
        Some(Place { connections: self.clone(), slot, id })
    }

    /// Ends when the last connection has. Those that stay idle for some time are closed.
    pub(super) async fn drain(&self) {
        loop {
            let left = self.left.notified();
            if self.slots().is_empty() {
                return;
            }
            let _ = tokio::time::timeout(IDLE_WHILE_DRAINING, left).await;
            let now = self.now();
            for slot in self.slots().values().filter(|slot| slot.is_idle()) {
                let idle = now.saturating_sub(slot.idle_since.load(Ordering::Relaxed));
                if Duration::from_millis(idle) >= IDLE_WHILE_DRAINING {
                    slot.close.notify_one();
                }
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<u64, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

impl Place {
    /// The connection is not idle while the result lives.
    pub(super) fn begin(&self) -> Busy<'_> {
        self.slot.busy.fetch_add(1, Ordering::Relaxed);
        if !self.slot.has_begun.swap(true, Ordering::Relaxed) {
            self.slot.begun.notify_one();
        }
        Busy(self)
    }

    /// Ends when the first request has come. Who has connected has something to ask: to close before
    /// it is heard would leave a client without an answer that has done nothing wrong.
    pub(super) async fn has_begun(&self) {
        if !self.slot.has_begun.load(Ordering::Relaxed) {
            let _ = tokio::time::timeout(IDLE_WHILE_DRAINING, self.slot.begun.notified()).await;
        }
    }

    /// Ends when this connection must make room.
    pub(super) async fn must_close(&self) {
        self.slot.close.notified().await;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let Place { connections, slot, .. } = self.0;
        slot.idle_since.store(connections.now(), Ordering::Relaxed);
        slot.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.slots().remove(&self.id);
        self.connections.left.notify_waiters();
    }
}

/// Long enough for an answer that is being written, or a request that is on its way.
const IDLE_WHILE_DRAINING: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_makes_room_and_a_busy_one_never() {
        let connections = Arc::new(Connections::new(2));
        let first = connections.enter().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = connections.enter().unwrap();
        let busy = first.begin();
        let third = connections.enter().unwrap();
        second.must_close().await;
        let third_busy = third.begin();
        assert!(connections.enter().is_none(), "no idle connection is left");
        drop((busy, third_busy));
        assert!(connections.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_the_busy_and_closes_the_idle() {
        let connections = Arc::new(Connections::new(2));
        let (idle, place) = (connections.enter().unwrap(), connections.enter().unwrap());
        tokio::spawn(async move {
            idle.must_close().await;
            drop(idle);
        });
        tokio::spawn(async move {
            let busy = place.begin();
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(busy);
        });
        let began = Instant::now();
        connections.drain().await;
        assert!(began.elapsed() >= Duration::from_secs(5));
    }
}
