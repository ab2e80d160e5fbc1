//! Lines of a local file, sealed as a whole: what a store in clear keeps beside it.

use super::{Column, Place, Seal, SealError};
use crate::{secret::Secret, token::Stored};

impl Seal {
    /// Seals a text into one line.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when the key at hand is a consumer's.
    pub fn seal_line(&self, text: &Secret) -> Result<String, SealError> {
        Ok(self.seal(LINE, text)?.0.expose().to_owned())
    }

    /// Opens what [`Seal::seal_line`] made.
    ///
    /// # Errors
    /// [`SealError`]; [`SealError::InClear`] for a line that is not sealed as a whole.
    pub fn open_line(&self, line: &str) -> Result<Secret, SealError> {
        self.open(LINE, &Stored(Secret::new(line)))
    }
}

/// A line has no place of its own in its file: it tells itself which row it is for.
const LINE: Place<'static> = Place { table: "journal", row: "", column: Column::Line };
