//! What is remembered of one name, and one reading of the database for all that ask at once. For how
//! long a reading answers questions lies with `held`, which names there are with `cells`.

mod held;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwapOption, Guard};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, WeakShared},
};
use tokenkeeper_shared::{
    clock::Clock,
    lifecycle::verdict::{Verdict, Warning, Wish, verdict, verdict_without_waiting},
    name::TokenName,
    store::StoreError,
    wait::{Seen, Source},
};
use tokio::{sync::Notify, time::timeout};

pub(crate) use self::held::Held;
use self::held::{Plain, Reading, is_newer};
use crate::{AccessToken, asking::Inner};

/// One name's memory.
#[derive(Debug)]
pub(crate) struct Cell {
    name: TokenName,
    held: ArcSwapOption<Held>,
    /// Counts what was heard of changes: what was read before the last one is no news.
    epoch: AtomicU64,
    changed: Notify,
    /// Counts readings that were kept.
    kept: AtomicU64,
    flight: Mutex<Option<Flight>>,
}

pub(crate) type Looked = Result<Option<Arc<Seen>>, StoreError>;
type Shareable = BoxFuture<'static, Looked>;

/// A reading that is under way. It ends with the last caller who waits for it, so that nobody's
/// forgotten question keeps a connection.
#[derive(Debug)]
struct Flight {
    epoch: u64,
    looking: WeakShared<Shareable>,
}

impl Cell {
    pub(crate) fn of(name: TokenName) -> Self {
        Self {
            name,
            held: ArcSwapOption::empty(),
            epoch: AtomicU64::new(0),
            changed: Notify::new(),
            kept: AtomicU64::new(0),
            flight: Mutex::new(None),
        }
    }

    pub(crate) fn name(&self) -> &TokenName {
        &self.name
    }

    /// The token, if nothing at all speaks against it; else an empty guard. Nearly every call ends
    /// here, so this takes no lock, counts no references that other threads count, reads the cheapest
    /// clock, and gives no more than fits in registers.
    #[inline]
    pub(crate) fn plain(&self, min_ttl: Duration, clock: &dyn Clock) -> Guard<Option<Arc<Held>>> {
        let held = self.held.load();
        let fits = held.as_ref().is_some_and(|known| {
            known.plain.during.contains(&clock.glance())
                && min_ttl <= known.plain.min_ttl
                && known.read.epoch == self.epoch()
        });
        if fits { held } else { Guard::from_inner(None) }
    }

    /// The token, if its row was read within `max_staleness` and a caller with this wish may have it.
    pub(crate) fn judged(
        &self,
        wish: Wish,
        clock: &dyn Clock,
        max_staleness: Duration,
    ) -> Option<AccessToken> {
        let held = self.held.load();
        let known = held.as_ref()?;
        if !self.is_fresh(known, clock, max_staleness) {
            return None;
        }
        match verdict(&known.seen.token, known.seen.time.now(), wish) {
            Verdict::Token(warning) => AccessToken::of(held, warning),
            Verdict::Wait(_) | Verdict::Refused(_) => None,
        }
    }

    /// What may be handed out while the database is out of reach.
    pub(crate) fn recall(&self) -> Option<AccessToken> {
        let held = self.held.load();
        let known = &held.as_ref()?.seen;
        let works = known.token.is_valid(known.time.now());
        if works { AccessToken::of(held, Some(Warning::OutOfReach)) } else { None }
    }

    /// What to hand out after the database gave `seen`: what is remembered where that is newer,
    /// because a call that began later may end earlier, and a database may fall behind.
    pub(crate) fn newest(
        &self,
        seen: &Arc<Seen>,
        warning: Option<Warning>,
        wish: Wish,
    ) -> Option<AccessToken> {
        let held = self.held.load();
        let known = &held.as_ref()?.seen;
        if Arc::ptr_eq(known, seen) {
            return AccessToken::of(held, warning);
        }
        match verdict_without_waiting(&known.token, known.time.now(), wish) {
            Verdict::Token(warning) => AccessToken::of(held, warning),
            Verdict::Wait(_) | Verdict::Refused(_) => None,
        }
    }

    /// The database has no such token any more.
    pub(crate) fn forget(&self) {
        let _turn = self.turn();
        self.held.store(None);
    }

    /// The row may have changed.
    pub(crate) fn change(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Ends when the row may have changed since `epoch`, or after `at_most`.
    pub(crate) async fn changed_since(&self, epoch: u64, at_most: Duration) {
        let mut changed = std::pin::pin!(self.changed.notified());
        changed.as_mut().enable();
        if self.epoch() == epoch {
            let _ = timeout(at_most, changed).await;
        }
    }

    /// How many readings were kept so far.
    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire)
    }

    /// Reads the row, or waits for a reading that somebody has begun since the last change. One that
    /// ended since the caller judged what was there (`known`, by [`Cell::kept`]) will do too.
    pub(crate) async fn look(self: &Arc<Self>, inner: &Arc<Inner>, known: u64) -> Looked {
        let looking = self.join(inner, known);
        match looking {
            Either::Left(seen) => Ok(Some(seen)),
            Either::Right(looking) => looking.await,
        }
    }

    fn join(
        self: &Arc<Self>,
        inner: &Arc<Inner>,
        known: u64,
    ) -> Either<Arc<Seen>, Shared<Shareable>> {
        let mut flight = self.turn();
        if self.kept() != known
            && let Some(held) = &*self.held.load()
            && self.is_fresh(held, inner.store.clock(), inner.max_staleness)
        {
            return Either::Left(Arc::clone(&held.seen));
        }
        let epoch = self.epoch();
        let under_way = flight.as_ref().filter(|flight| flight.epoch == epoch);
        let under_way = under_way.and_then(|flight| flight.looking.upgrade());
        if let Some(looking) = under_way.filter(|looking| looking.peek().is_none()) {
            return Either::Right(looking);
        }
        let (cell, inner) = (Arc::clone(self), Arc::clone(inner));
        let looking = async move {
            let read = Reading::now(epoch, inner.store.clock());
            let looked = look_twice(&inner, &cell.name).await;
            if let Ok(Some(seen)) = &looked {
                cell.keep(seen, read, inner.max_staleness);
            }
            // What is left of a reading would be memory for each name.
            cell.turn().take_if(|flight| flight.epoch == epoch);
            looked
        };
        let looking = looking.boxed().shared();
        *flight = looking.downgrade().map(|looking| Flight { epoch, looking });
        Either::Right(looking)
    }

    fn is_fresh(&self, held: &Held, clock: &dyn Clock, max_staleness: Duration) -> bool {
        let age = clock.monotonic().saturating_sub(held.read.asked_at);
        age < max_staleness && held.read.epoch == self.epoch()
    }

    /// Remembers a row with a token, unless what is remembered is newer and still works.
    fn keep(&self, seen: &Arc<Seen>, read: Reading, max_staleness: Duration) {
        if seen.access_token.is_none() {
            return;
        }
        let _turn = self.turn();
        let known = self.held.load();
        let known = known.as_ref().map(|held| &held.seen);
        let known = known.filter(|known| known.token.is_valid(known.time.now()));
        if !known.is_some_and(|known| is_newer(&known.token, &seen.token)) {
            let plain = Plain::of(seen, read, max_staleness);
            self.held.store(Some(Arc::new(Held { seen: Arc::clone(seen), read, plain })));
            self.kept.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn turn(&self) -> MutexGuard<'_, Option<Flight>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that died while nobody used it fails at once, and the next one is new: asking again
/// then costs less than a ping before every question.
async fn look_twice(inner: &Inner, name: &TokenName) -> Looked {
    let began = inner.store.monotonic();
    let mut again = true;
    // In a loop, so that the future of a question is there once.
    loop {
        match look_once(inner, name).await {
            Err(error)
                if again && error.is_transient() && inner.store.monotonic() < began + AT_ONCE =>
            {
                again = false;
            }
            looked => return looked,
        }
    }
}

async fn look_once(inner: &Inner, name: &TokenName) -> Looked {
    inner.check_schema().await?;
    inner.store.look(name).await
}

/// No server refuses slower than this, and none that hangs is as fast.
const AT_ONCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
