//! What hosts and clouds start: which job, called what, when; a file for each that starts it.

pub mod aws_lambda;
pub mod azure_functions;
pub mod compose;
pub mod crontab;
pub mod google_cloud;
mod image;
mod job;
pub mod kubernetes;
pub mod systemd;

pub use self::{
    image::Image,
    job::{Job, Task, name},
};
pub use super::Unfit;
use super::fields;

/// A text to put somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What each of ours begins with, in a comment: without it nothing is replaced or removed.
pub const MARK: &str = "Made by tokenkeeper-worker schedule";

/// Whether a text is one of ours; what prints it may have put a line before it.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    text.lines().take(2).any(|line| line.trim_start_matches(['#', ' ']).starts_with(MARK))
}

/// Where a call names a table of the configuration, that names the policies.
const ITS_TABLES: &str =
    "there the configuration's tables are cleaned: write policy_files into [cleanup.NAME] instead";
