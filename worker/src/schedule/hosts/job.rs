//! One job: what is started, called what, and when.

use crate::{cron::Schedule, schedule::Unfit};

/// What is started when.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is called everywhere: letters, digits and hyphens.
    pub name: String,
    /// What is started.
    pub task: Task,
    /// When; a daemon stays, and heeds none.
    pub at: Schedule,
    /// The program, with its whole path.
    pub program: String,
    /// The configuration file that was named.
    pub config: Option<String>,
    /// A file or folder of policies beside the shipped ones, for clean-ups.
    pub policy_files: Option<String>,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Renews what is due.
    Refresh,
    /// Deletes what these policies say.
    Cleanup(Vec<String>),
    /// Stays, and does both.
    Daemon,
}

impl Job {
    /// The arguments behind the program's name.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut words = match &self.task {
            Task::Refresh => vec!["run".to_owned()],
            Task::Daemon => vec!["daemon".to_owned()],
            Task::Cleanup(policies) => {
                let policies = policies.iter().cloned();
                ["cleanup".to_owned()]
                    .into_iter()
                    .chain(policies)
                    .chain(["--apply".to_owned()])
                    .collect()
            }
        };
        if let (Task::Cleanup(_), Some(files)) = (&self.task, &self.policy_files) {
            words.extend(["--policy-files".to_owned(), files.clone()]);
        }
        if let Some(config) = &self.config {
            words.extend(["--config".to_owned(), config.clone()]);
        }
        words
    }

    /// The program and its arguments.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        [self.program.clone()].into_iter().chain(self.arguments()).collect()
    }

    /// What it does, for people.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.task {
            Task::Refresh => "tokenkeeper: renew what is due".to_owned(),
            Task::Daemon => "tokenkeeper: the daemon".to_owned(),
            Task::Cleanup(policies) => format!("tokenkeeper: clean {}", policies.join(", ")),
        }
    }

    /// Whether it stays.
    #[must_use]
    pub fn is_daemon(&self) -> bool {
        self.task == Task::Daemon
    }
}

/// A name that every platform takes: Kubernetes allows 52 characters for a `CronJob`, of which nine are ours.
///
/// # Errors
/// [`Unfit`] says what a name is made of.
pub fn name(text: &str) -> Result<String, Unfit> {
    let is_plain = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-';
    let begins = text.bytes().next().is_some_and(|sign| sign.is_ascii_lowercase());
    if begins && text.bytes().all(is_plain) && !text.ends_with('-') && text.len() <= LONGEST_NAME {
        return Ok(text.to_owned());
    }
    let shown: String = text.escape_debug().take(64).collect();
    Err(Unfit(format!(
        "\"{shown}\" is no name for a job: write up to {LONGEST_NAME} lower-case letters, digits and hyphens, a letter first"
    )))
}

/// With `-refresh` or `-cleanup` behind it, it is still a name of a `CronJob`.
const LONGEST_NAME: usize = 40;
