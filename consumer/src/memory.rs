//! The last token of each name that was handed out, for when the database is out of reach.
//! When it is asked lies with `Consumer`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokenkeeper_shared::{
    lifecycle::verdict::Warning, name::TokenName, token::Token, wait::HandedOut,
};

/// One token a name, until it expires by the database's time.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<TokenName, HandedOut>>);

impl Memory {
    /// Remembers what the database gave, and returns what to hand out: what is remembered where that
    /// is newer, because a call that began later may end earlier, and a database may fall behind.
    pub(crate) fn renew(&self, given: HandedOut) -> HandedOut {
        let mut valid = self.valid();
        match valid.get(&given.token.name) {
            Some(known) if is_newer(&known.token, &given.token) => of_now(known),
            _ => {
                valid.insert(given.token.name.clone(), given.clone());
                given
            }
        }
    }

    /// What may be handed out without the database.
    pub(crate) fn recall(&self, name: &TokenName) -> Option<HandedOut> {
        let valid = self.valid();
        let known = of_now(valid.get(name)?);
        Some(HandedOut { warning: Some(Warning::OutOfReach), ..known })
    }

    /// The database has no such token any more.
    pub(crate) fn forget(&self, name: &TokenName) {
        self.valid().remove(name);
    }

    /// What still works; the rest is dropped whenever anybody looks.
    fn valid(&self) -> MutexGuard<'_, HashMap<TokenName, HandedOut>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.token.is_valid(known.time.now()));
        known
    }
}

/// A row of a lower generation whose answer is later was made anew: it counts.
fn is_newer(known: &Token, given: &Token) -> bool {
    known.id == given.id
        && known.generation > given.generation
        && known.last_success_at >= given.last_success_at
}

fn of_now(known: &HandedOut) -> HandedOut {
    HandedOut { now: known.time.now(), waited: false, ..known.clone() }
}

#[cfg(test)]
mod tests;
