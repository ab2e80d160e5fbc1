//! The exit codes that both programs promise. Which failure bears which code is said where it arises.

use serde::Serialize;

/// How a program ended. The numbers are a promise under semantic versioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Exit {
    /// 0: done; for `run`, nothing that was due is left undone.
    Ok = 0,
    /// 1: a defect of tokenkeeper itself.
    Internal = 1,
    /// 2: the command line, the configuration or a key is wrong.
    Usage = 2,
    /// 3: some tokens failed, none of them has expired.
    Partly = 3,
    /// 4: a human must act (`needs_login`).
    NeedsHuman = 4,
    /// 5: there is no valid token.
    NoValidToken = 5,
    /// 6: no token has that name.
    NoSuchName = 6,
    /// 7: the database or the provider is out of reach, a deadline passed, or stdout takes no result;
    /// again later may work.
    Temporary = 7,
    /// 8: somebody else is at it.
    Busy = 8,
    /// 9: the database has another schema version than this program.
    Schema = 9,
}

impl Exit {
    /// The number for the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// A failure with its exit code: what a command line prints and ends with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// What failed and what to do, in one line, without secrets.
    pub message: String,
    /// The database is what failed: who knows its address may name it.
    pub is_databases: bool,
}

impl Failure {
    /// A failure that ends with `exit`.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), is_databases: false }
    }

    /// The same with the database named, where it is what failed.
    #[must_use]
    pub fn naming(self, database: &impl std::fmt::Display) -> Self {
        if !self.is_databases {
            return self;
        }
        Self { message: format!("{database}: {}", self.message), ..self }
    }

    /// The same as one JSON object: `{"error": {"code", "kind", "message"}}`.
    #[must_use]
    pub fn json(&self) -> String {
        let text = |value: &str| serde_json::Value::from(value);
        let kind = serde_json::to_value(self.exit).unwrap_or_default();
        let code = self.exit.code();
        format!(r#"{{"error":{{"code":{code},"kind":{kind},"message":{}}}}}"#, text(&self.message))
    }
}
