//! The names that are remembered. What is remembered of each lies with `cell`.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::Guard;
use tokenkeeper_shared::{clock::Clock, name::TokenName};

use crate::{AccessToken, cell::Cell};

/// One cell a name.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Tells this memory's cells from those of others in a thread's notes.
    id: u64,
    by_name: RwLock<HashMap<String, Arc<Cell>>>,
}

impl Default for Cells {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), by_name: RwLock::default() }
    }
}

impl Cells {
    /// The token of this name, if nothing at all speaks against it.
    #[inline]
    pub(crate) fn plain(
        &self,
        name: &str,
        min_ttl: Duration,
        clock: &dyn Clock,
    ) -> Option<AccessToken> {
        let noted = NOTES.try_with(|notes| {
            let notes = notes.borrow();
            match &notes[slot(name)] {
                Some(note) if note.owner == self.id && note.cell.name().as_str() == name => {
                    note.cell.plain(min_ttl, clock)
                }
                _ => Guard::from_inner(None),
            }
        });
        match noted {
            Ok(held) if held.is_some() => AccessToken::of(held, None),
            _ => self.plain_unnoted(name, min_ttl, clock),
        }
    }

    #[cold]
    fn plain_unnoted(
        &self,
        name: &str,
        min_ttl: Duration,
        clock: &dyn Clock,
    ) -> Option<AccessToken> {
        let cell = self.find(name)?;
        let token = AccessToken::of(cell.plain(min_ttl, clock), None)?;
        let note = Note { owner: self.id, cell };
        // A thread that ends takes no more notes.
        let _ = NOTES.try_with(|notes| notes.borrow_mut()[slot(name)] = Some(note));
        Some(token)
    }

    /// The cell of this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Cell>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The cell of this name.
    pub(crate) fn cell(&self, name: &TokenName) -> Arc<Cell> {
        self.find(name.as_str()).unwrap_or_else(|| {
            let mut cells = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
            let cell = cells.entry(name.as_str().to_owned());
            Arc::clone(cell.or_insert_with(|| Arc::new(Cell::of(name.clone()))))
        })
    }

    /// The database knows no such name: names that somebody made up must not fill the memory.
    pub(crate) fn remove(&self, name: &TokenName) {
        let mut cells = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.remove(name.as_str()) {
            cell.forget();
        }
    }

    /// Any row may have changed.
    #[cfg(feature = "postgres")]
    pub(crate) fn change_all(&self) {
        let cells = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        for cell in cells.values() {
            cell.change();
        }
    }
}

impl Drop for Cells {
    /// A thread's note outlives the memory; the token in it does not.
    fn drop(&mut self) {
        let cells = self.by_name.get_mut().unwrap_or_else(PoisonError::into_inner);
        for cell in cells.values() {
            cell.forget();
        }
    }
}

/// Where a thread found a name last: a lookup that all threads share would have them wait for each
/// other's caches.
struct Note {
    owner: u64,
    cell: Arc<Cell>,
}

thread_local! {
    static NOTES: RefCell<[Option<Note>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// Names of one family differ in their length or at their end.
fn slot(name: &str) -> usize {
    let last = name.as_bytes().last().copied().unwrap_or_default();
    (name.len() + usize::from(last)) % SLOTS
}

/// A program uses one token or a handful; two that meet in a slot only cost a lookup.
const SLOTS: usize = 16;
