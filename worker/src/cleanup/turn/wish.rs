//! What is asked of a run.

use std::{path::PathBuf, time::Duration};

use crate::cleanup::site::Secrets;

/// What is asked of a run, of whichever policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Where deleted rows are kept.
    pub backup: Backup,
    /// What earlier runs have kept in tables for longer is given up after this one.
    pub keep_backups: Option<Duration>,
    /// What a scheduler calls the run: there is one of that name [default: the minute, by the database's time].
    pub slot: Option<String>,
    /// A larger share of a table, from 1,000 rows on, is not deleted.
    pub max_fraction: f64,
    /// Rows of the targets that may go, at most.
    pub max_rows: Option<u64>,
    /// How long the run may take.
    pub run_time: Option<Duration>,
}

/// Where deleted rows are kept, and what of their secret columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup {
    /// In tables beside those that are cleaned.
    Table(Secrets),
    /// In a new file.
    File(PathBuf, Secrets),
    /// Nowhere.
    None,
}

impl Backup {
    /// What is kept of secret columns; none: there is no backup.
    #[must_use]
    pub fn kept(&self) -> Option<Secrets> {
        match self {
            Self::Table(secrets) | Self::File(_, secrets) => Some(*secrets),
            Self::None => None,
        }
    }
}
