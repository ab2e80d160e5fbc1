//! What starts the worker, or does its work, at its times, as texts: units, lines, manifests, jobs of databases. Pure;
//! who puts them where, and asks whether they are there, is in `cli/schedule`.

pub mod databases;
pub mod fields;
pub mod hosts;
mod shell;

/// Why something cannot be started so, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);
