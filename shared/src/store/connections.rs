//! Connections that are kept at hand between statements. sqlx's pool asks the server a question each
//! time that a connection is given back, which doubles the work of a short statement; so one whose
//! statement ended well is kept here, and only one in doubt goes back to be asked.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Database, Pool, pool::PoolConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{StoreError, connect::ACQUIRE_WAIT};

/// A pool, and the connections of it that are at hand. Clones share both.
pub(super) struct Connections<DB: Database> {
    pool: Pool<DB>,
    /// As many as the pool has connections: whoever has one finds a connection at hand or in the pool.
    turns: Arc<Semaphore>,
    at_hand: Arc<Mutex<Vec<AtHand<DB>>>>,
}

impl<DB: Database> Connections<DB> {
    pub(super) fn of(pool: Pool<DB>) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        Self { pool, turns: Arc::new(Semaphore::new(most)), at_hand: Arc::default() }
    }

    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Waits for a connection as long as the pool would.
    pub(super) async fn acquire(&self) -> Result<InUse<DB>, StoreError> {
        let turn = timeout(ACQUIRE_WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
        let at_hand = self.lock().pop().filter(|at_hand| at_hand.since.elapsed() < AT_HAND);
        let (connection, since) = match at_hand.and_then(AtHand::take) {
            Some(kept) => kept,
            None => (self.pool.acquire().await?, Instant::now()),
        };
        let connections = self.clone();
        Ok(InUse { connection: Some(connection), since, connections, _turn: turn })
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.turns.close();
        let at_hand = std::mem::take(&mut *self.lock());
        for (connection, _) in at_hand.into_iter().filter_map(AtHand::take) {
            // The pool's close waits for the others and says more when one does not end well.
            let _ = connection.close().await;
        }
        self.pool.close().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<AtHand<DB>>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Derived, it would ask the same of the database.
impl<DB: Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        let (turns, at_hand) = (Arc::clone(&self.turns), Arc::clone(&self.at_hand));
        Self { pool: self.pool.clone(), turns, at_hand }
    }
}

/// A connection that runs a statement. Dropped, it goes back to the pool, which asks it whether it is
/// still good: a statement that was cut off may have left its answer in it.
pub(super) struct InUse<DB: Database> {
    connection: Option<PoolConnection<DB>>,
    /// When it was taken from the pool.
    since: Instant,
    connections: Connections<DB>,
    _turn: OwnedSemaphorePermit,
}

impl<DB: Database> InUse<DB> {
    /// For a session that was told something: it ends with this.
    pub(super) fn close_on_drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }

    /// Puts the connection where its statement's end says.
    pub(super) fn ended<T>(mut self, ended: &Result<T, StoreError>) {
        let Some(mut connection) = self.connection.take() else { return };
        match ended {
            Ok(_) => {
                let at_hand = AtHand { connection: Some(connection), since: self.since };
                self.connections.lock().push(at_hand);
            }
            // Its late answer would be taken for another statement's.
            Err(StoreError::Late) => connection.close_on_drop(),
            Err(_) => {}
        }
    }
}

impl<DB: Database> Deref for InUse<DB> {
    type Target = DB::Connection;

    #[expect(clippy::expect_used, reason = "only `ended` takes it, and that consumes this")]
    fn deref(&self) -> &DB::Connection {
        self.connection.as_ref().expect("a connection in use is there")
    }
}

impl<DB: Database> DerefMut for InUse<DB> {
    #[expect(clippy::expect_used, reason = "only `ended` takes it, and that consumes this")]
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.connection.as_mut().expect("a connection in use is there")
    }
}

/// A connection between two statements.
struct AtHand<DB: Database> {
    connection: Option<PoolConnection<DB>>,
    since: Instant,
}

impl<DB: Database> AtHand<DB> {
    fn take(mut self) -> Option<(PoolConnection<DB>, Instant)> {
        Some((self.connection.take()?, self.since))
    }
}

/// The store may be dropped outside of the runtime, where the pool could not take a connection back.
impl<DB: Database> Drop for AtHand<DB> {
    fn drop(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

/// After this the pool has a connection back and asks it, or replaces it when it is half an hour old:
/// nobody stays on a server that was retired.
const AT_HAND: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use sqlx::{Sqlite, sqlite::SqlitePoolOptions};
    use tokio::time::advance;

    use super::*;

    fn connections() -> Connections<Sqlite> {
        let pool = SqlitePoolOptions::new().max_connections(1);
        Connections::of(pool.connect_lazy("sqlite::memory:").unwrap())
    }

    #[tokio::test]
    async fn only_a_connection_whose_statement_ended_well_is_kept() {
        let connections = connections();
        let at_hand = || connections.lock().len();
        connections.acquire().await.unwrap().ended(&Ok(()));
        assert_eq!(at_hand(), 1);
        connections.acquire().await.unwrap().ended::<()>(&Err(StoreError::Late));
        assert_eq!(at_hand(), 0);
        connections.acquire().await.unwrap().ended::<()>(&Err(sqlx::Error::RowNotFound.into()));
        assert_eq!(at_hand(), 0);
        drop(connections.acquire().await.unwrap());
        assert_eq!(at_hand(), 0);
    }

    #[tokio::test]
    async fn a_connection_goes_back_to_the_pool_after_a_minute() {
        let connections = connections();
        connections.acquire().await.unwrap().ended(&Ok(()));
        let first = connections.acquire().await.unwrap();
        let taken = first.since;
        first.ended(&Ok(()));
        tokio::time::pause();
        advance(AT_HAND).await;
        tokio::time::resume();
        assert!(connections.acquire().await.unwrap().since > taken);
    }
}
