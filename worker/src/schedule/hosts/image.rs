//! What jobs in containers share: the image, and the variables that tell where the secrets lie in it.

use super::{
    Unfit,
    job::{Job, Task},
};

/// What runs, and what it is given.
#[derive(Debug, Clone)]
pub struct Image {
    /// The image, by its whole name.
    pub name: String,
    /// What holds the configuration.
    pub config: String,
    /// What holds the secrets.
    pub secret: String,
}

impl Image {
    /// # Errors
    /// [`Unfit`] for what no registry takes.
    pub fn new(name: &str, config: &str, secret: &str) -> Result<Self, Unfit> {
        let is_plain = |sign: u8| sign.is_ascii_alphanumeric() || b"._-/:@".contains(&sign);
        if name.is_empty() || name.len() > 512 || !name.bytes().all(is_plain) {
            let shown: String = name.escape_debug().take(64).collect();
            return Err(Unfit(format!(
                "\"{shown}\" is no image: write one such as registry.example.org/tokenkeeper:{}",
                env!("CARGO_PKG_VERSION")
            )));
        }
        let (config, secret) = (super::name(config)?, super::name(secret)?);
        Ok(Self { name: name.to_owned(), config, secret })
    }
}

/// The variables of a job whose secrets are files in `/run/secrets/tokenkeeper`.
#[must_use]
pub(super) fn environment(job: &Job, journal: &str) -> Vec<(&'static str, String)> {
    let file = |name: &str| format!("/run/secrets/tokenkeeper/{name}");
    let mut variables = vec![("TOKENKEEPER_DATABASE_URL_FILE", file("database_url"))];
    if !matches!(job.task, Task::Cleanup(_)) {
        variables.push(("TOKENKEEPER_KEY_FILE", file("key")));
        variables.push(("TOKENKEEPER_JOURNAL", journal.to_owned()));
    }
    if job.task != Task::Refresh {
        variables.push(("TOKENKEEPER_CLEANUP_DATABASE_URL_FILE", file("cleanup_database_url")));
    }
    variables
}

/// A text as YAML and JSON both write it.
#[must_use]
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
