//! Being told of changes: PostgreSQL wakes who listens (the trigger is in the migrations). The others
//! have nothing of the kind, and a pooler may swallow it: what it saves is waiting, never a question.

use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};

use super::{Pools, Store, StoreError, connect::ACQUIRE_WAIT};

/// A connection of its own on which the database tells of changes.
pub struct Changes(PgListener);

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The row of this name was claimed, committed, given back or switched.
    Of(String),
    /// The connection was lost for a while: any row may have changed.
    Unknown,
}

impl Store {
    /// Listens from now on; `None` where the database does not tell.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changes(&self) -> Result<Option<Changes>, StoreError> {
        match &self.pools {
            Pools::Postgres(connections) => {
                let pool = own_pool(connections.pool());
                let mut listener = PgListener::connect_with(&pool).await?;
                listener.listen(CHANNEL).await?;
                Ok(Some(Changes(listener)))
            }
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ => Ok(None),
        }
    }
}

impl Changes {
    /// The next change; connects again when the connection was lost.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made again.
    pub async fn next(&mut self) -> Result<Change, StoreError> {
        let heard = self.0.try_recv().await?;
        Ok(heard.map_or(Change::Unknown, |heard| Change::Of(heard.payload().to_owned())))
    }
}

/// Questions keep the pool's connections for themselves.
fn own_pool(pool: &PgPool) -> PgPool {
    let options = (*pool.connect_options()).clone();
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_WAIT)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options)
}

const CHANNEL: &str = "tokenkeeper";
