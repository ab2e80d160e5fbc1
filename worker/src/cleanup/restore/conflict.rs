//! Why a row cannot come back.

use serde::Serialize;

/// Why a row stays in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Its key, or another value that no two rows may have, is there again.
    Taken,
    /// A row that it refers to is not there.
    ParentGone,
    /// The row that it was deleted with is not back: another one there now would be its parent.
    Orphaned,
    /// A rule of the table, or a trigger, does not let it in.
    Refused,
    /// Somebody has locked what it needs.
    Locked,
}

impl Conflict {
    /// The same in words, of rows that stay.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Taken => "a row with its key, or another value that must be unique, is there",
            Self::ParentGone => "a row that it refers to is not there",
            Self::Orphaned => "the row that it belonged to is not back",
            Self::Refused => "the table does not let it in",
            Self::Locked => "somebody has it locked",
        }
    }
}
