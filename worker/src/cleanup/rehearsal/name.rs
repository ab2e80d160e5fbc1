//! What copies are called. The name alone says that a copy is ours, and whether somebody wants to keep it.

use std::fmt;

use tokenkeeper_shared::store::StoreError;
use uuid::Uuid;

use crate::cleanup::policy::{Identifier, InvalidIdentifier};

/// A copy's name: `tokenkeeper_rehearsal_` and eight hexadecimal digits; `…_kept_…` where it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyName {
    number: u32,
    is_kept: bool,
}

impl CopyName {
    /// A name that nobody has had before.
    #[must_use]
    pub fn fresh(is_kept: bool) -> Self {
        Self { number: Uuid::new_v4().as_fields().0, is_kept }
    }

    /// The name of a copy that is to go at the end of its rehearsal; everything else is somebody's own.
    #[must_use]
    pub fn of_passing(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PASSING)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        let name = Self { number, is_kept: false };
        (name.to_string() == text).then_some(name)
    }

    /// By which whoever is at it holds a lock.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The name as a part of statements.
    ///
    /// # Errors
    /// None that could be met.
    pub fn identifier(&self) -> Result<Identifier, StoreError> {
        let parsed = self.to_string().parse();
        parsed.map_err(|error: InvalidIdentifier| StoreError::Unfit(error.to_string()))
    }
}

impl fmt::Display for CopyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.is_kept { "kept_" } else { "" };
        write!(formatter, "{PASSING}{kept}{:08x}", self.number)
    }
}

const PASSING: &str = "tokenkeeper_rehearsal_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_we_make_for_passing_copies_are_taken_for_them() {
        let ours = CopyName::fresh(false);
        assert_eq!(CopyName::of_passing(&ours.to_string()), Some(ours));
        let kept = CopyName::fresh(true).to_string();
        for theirs in [
            &kept,
            "tokenkeeper",
            "tokenkeeper_rehearsal_",
            "tokenkeeper_rehearsal_0a1b2c3",
            "tokenkeeper_rehearsal_0A1B2C3D",
            "tokenkeeper_rehearsal_+a1b2c3d",
            "tokenkeeper_rehearsal_0a1b2c3d4",
            "tokenkeeper_rehearsal_live_sys",
            "my_tokenkeeper_rehearsal_0a1b2c3d",
        ] {
            assert_eq!(CopyName::of_passing(theirs), None, "{theirs}");
        }
    }
}
