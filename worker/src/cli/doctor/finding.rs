//! One line of `doctor`.

use serde::Serialize;
use tokenkeeper_shared::exit::{Exit, Failure};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and how it is.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    check: String,
    message: String,
    /// What `doctor` ends with for it.
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, check: check.into(), message: message.into(), exit: Exit::Ok }
    }

    pub(super) fn warn(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Warn, check: check.into(), message: message.into(), exit: Exit::Ok }
    }

    pub(super) fn fail(exit: Exit, check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Fail, check: check.into(), message: message.into(), exit }
    }

    pub(super) fn failed(check: impl Into<String>, failure: &Failure) -> Self {
        Self::fail(failure.exit, check, failure.to_string())
    }

    pub(super) fn line(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        format!("{level:<5} {}: {}", self.check, self.message)
    }
}
