//! How a question is answered that the plain path leaves open: memory where it is young enough; then
//! the database; and memory again when that is out of reach. What is remembered lies with `cell`.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokenkeeper_shared::{
    lifecycle::verdict::Wish,
    name::TokenName,
    store::{Store, StoreError},
    wait::{self, NoToken, Patience, Source},
};

#[cfg(feature = "postgres")]
use crate::listener::Listener;
use crate::{
    AccessToken, Error, Request,
    cell::{Cell, Looked},
    cells::Cells,
};

/// What the clones of a consumer share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) reporter: OnceLock<Store>,
    pub(crate) max_staleness: Duration,
    pub(crate) cells: Cells,
    schema_checked: OnceLock<()>,
    #[cfg(feature = "postgres")]
    listener: Listener,
    /// One that asks once needs no listener.
    has_asked: AtomicBool,
    /// By the monotonic clock, in milliseconds: until then the database is not asked again by who has
    /// a token in hand.
    down_until: AtomicU64,
}

impl Inner {
    pub(crate) fn of(store: Store, max_staleness: Duration) -> Self {
        Self {
            store,
            reporter: OnceLock::new(),
            max_staleness,
            cells: Cells::default(),
            schema_checked: OnceLock::new(),
            #[cfg(feature = "postgres")]
            listener: Listener::default(),
            has_asked: AtomicBool::new(false),
            down_until: AtomicU64::new(0),
        }
    }

    /// The newest token of this name, for a caller whom the plain path did not serve.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        name: &TokenName,
        request: Request,
    ) -> Result<AccessToken, Error> {
        let wish = Wish { min_ttl: request.min_ttl, while_updating: request.while_updating };
        let cell = self.cells.cell(name);
        let known = cell.kept();
        if let Some(token) = cell.judged(wish, self.store.clock(), self.max_staleness) {
            return Ok(token);
        }
        if self.has_asked.swap(true, Ordering::Relaxed) {
            self.listen();
        }
        let patience = Patience::of(request.wait);
        if let Some(token) = cell.recall() {
            if self.is_down() {
                return Ok(token);
            }
            match self.ask((&cell, known), wish, patience.with_token_in_hand()).await {
                // What was in hand has died meanwhile: now the caller waits like everybody else.
                Err(Error::Store(error)) if error.is_transient() => {}
                ended => return ended,
            }
        }
        self.ask((&cell, known), wish, patience).await
    }

    /// The token after `token`, if it comes within `wait`. Whoever asks has used that one in vain, so
    /// memory does not answer.
    pub(crate) async fn newer(
        self: &Arc<Self>,
        token: &AccessToken,
        wait: Duration,
    ) -> Result<Option<AccessToken>, Error> {
        self.listen();
        let (cell, patience) = (self.cells.cell(&token.row().name), Patience::of(wait));
        loop {
            let epoch = cell.epoch();
            let wait = patience.at_most(wait);
            let given = self.ask((&cell, cell.kept()), Wish::default(), Patience::of(wait)).await?;
            if given.generation() > token.generation() || given.row().id != token.row().id {
                return Ok(Some(given));
            }
            if wait.is_zero() {
                return Ok(None);
            }
            cell.changed_since(epoch, patience.at_most(PATIENT_POLL)).await;
        }
    }

    /// Asks the database, and the memory when that is out of reach.
    async fn ask(
        self: &Arc<Self>,
        (cell, known): (&Arc<Cell>, u64),
        wish: Wish,
        patience: Patience,
    ) -> Result<AccessToken, Error> {
        let (epoch, known) = (AtomicU64::new(cell.epoch()), AtomicU64::new(known));
        let asking = Asking { inner: self, cell, epoch, known };
        match wait::hand_out(&asking, cell.name(), wish, patience).await {
            Ok(given) => {
                let token = cell.newest(&given.seen, given.warning, wish);
                // Forgotten since: what was given works all the same.
                Ok(token.unwrap_or_else(|| AccessToken::alone(given.seen, given.warning)))
            }
            Err(NoToken::Store(error)) if error.is_transient() => {
                self.down_until.store(self.millis() + PAUSE_MILLIS, Ordering::Relaxed);
                cell.recall().ok_or(Error::Store(error))
            }
            Err(NoToken::Store(error)) => Err(error.into()),
            // The database has the last word for as long as it can be asked.
            Err(refused) => {
                match &refused {
                    NoToken::NoSuchName(name) => self.cells.remove(name),
                    _ => cell.forget(),
                }
                Err(refused.into())
            }
        }
    }

    /// Fails unless the schema is the one that this version needs; asks the database once.
    pub(crate) async fn check_schema(&self) -> Result<(), StoreError> {
        if self.schema_checked.get().is_none() {
            self.store.check_schema().await?;
            self.schema_checked.get_or_init(|| ());
        }
        Ok(())
    }

    /// Where the database tells of changes; elsewhere asking again must do.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_self, reason = "nobody tells"))]
    fn listen(self: &Arc<Self>) {
        #[cfg(feature = "postgres")]
        self.listener.start(&self.store, Arc::downgrade(self));
    }

    fn is_down(&self) -> bool {
        self.millis() < self.down_until.load(Ordering::Relaxed)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.store.monotonic().as_millis()).unwrap_or(u64::MAX)
    }
}

/// One caller's way to the database: shares readings with others, and is woken by what is heard.
struct Asking<'a> {
    inner: &'a Arc<Inner>,
    cell: &'a Arc<Cell>,
    /// What had been heard when it looked last.
    epoch: AtomicU64,
    /// How many readings it knows of.
    known: AtomicU64,
}

impl Source for Asking<'_> {
    async fn look(&self, _name: &TokenName) -> Looked {
        self.epoch.store(self.cell.epoch(), Ordering::Relaxed);
        let looked = self.cell.look(self.inner, self.known.load(Ordering::Relaxed)).await;
        self.known.store(self.cell.kept(), Ordering::Relaxed);
        looked
    }

    async fn change(&self, at_most: Duration) {
        self.inner.listen();
        self.cell.changed_since(self.epoch.load(Ordering::Relaxed), at_most).await;
    }
}

/// A database that is out of reach is asked once a second by those who can do without it.
const PAUSE_MILLIS: u64 = 1_000;
/// Nobody knows when a worker will run; where the database tells of changes, it does not matter.
const PATIENT_POLL: Duration = Duration::from_millis(250);
