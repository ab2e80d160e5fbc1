//! What a pass did, and the exit code that follows: plain counting.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use tokenkeeper_shared::{exit::Exit, name::TokenName};

use crate::outcome::Class;

/// How one claimed row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A new token is stored.
    Renewed {
        /// Which token.
        name: TokenName,
        /// Whether it took a login.
        login: bool,
    },
    /// Only a new refresh token is stored.
    Partial {
        /// Which token.
        name: TokenName,
        /// What was wrong with the rest.
        message: String,
    },
    /// Somebody else renewed it first.
    Fenced(TokenName),
    /// Given back without a request.
    Unused(TokenName),
    /// An answer that an earlier run had left in the journal is stored.
    Replayed,
    /// The provider answered and the database did not take it.
    NotStored {
        /// Which token.
        name: TokenName,
        /// What the database said.
        message: String,
    },
    /// A failure.
    Failed {
        /// Which token.
        name: TokenName,
        /// Its class.
        class: Class,
        /// What happened.
        message: String,
        /// Until when the stored token works, if it does.
        valid_until: Option<DateTime<Utc>>,
        /// When it is tried again, if it is.
        next_attempt_at: Option<DateTime<Utc>>,
        /// A human must act.
        needs_login: bool,
    },
}

impl Done {
    /// The word in the history, and what went wrong.
    #[must_use]
    pub fn outcome(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Renewed { .. } | Self::Replayed => ("ok", None),
            Self::Partial { message, .. } => ("partial", Some(message)),
            Self::Fenced(_) => ("fenced", None),
            Self::Unused(_) => ("unused", None),
            Self::NotStored { message, .. } => ("not_stored", Some(message)),
            Self::Failed { class, message, .. } => (class.as_str(), Some(message)),
        }
    }
}

/// A failure for people and for `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct FailedToken {
    /// Which token.
    pub name: String,
    /// Its class.
    pub class: &'static str,
    /// What happened.
    pub message: String,
    /// Until when the stored token works, if it does.
    #[serde(serialize_with = "rfc3339")]
    pub valid_until: Option<DateTime<Utc>>,
    /// When it is tried again, if it is.
    #[serde(serialize_with = "rfc3339")]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// A human must act.
    pub needs_login: bool,
}

/// What one pass did. The first failures are listed, all are counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Renewed with a refresh token.
    pub refreshed: u64,
    /// Renewed by a login.
    pub logged_in: u64,
    /// Only a refresh token could be stored.
    pub partial: u64,
    /// Renewed by somebody else first.
    pub fenced: u64,
    /// Given back without a request.
    pub unused: u64,
    /// Stored from the journal of an earlier run.
    pub replayed: u64,
    /// Failed.
    pub failed: u64,
    /// Tokens that wait for a human, also those that no try was made for.
    pub needs_login: Vec<String>,
    /// Tokens whose last try failed and that have no valid token, also those not due for another.
    pub without_token: Vec<String>,
    /// The first failures.
    pub failures: Vec<FailedToken>,
    #[serde(skip)]
    temporary: u64,
    #[serde(skip)]
    expired: u64,
    #[serde(skip)]
    unconfigured: u64,
}

impl Report {
    /// Counts one row.
    pub fn add(&mut self, done: Done) {
        match done {
            Done::Renewed { login: true, .. } => self.logged_in += 1,
            Done::Renewed { .. } => self.refreshed += 1,
            Done::Partial { .. } => self.partial += 1,
            Done::Fenced(_) => self.fenced += 1,
            Done::Unused(_) => self.unused += 1,
            Done::Replayed => self.replayed += 1,
            Done::NotStored { name, message } => self.add_failure(
                FailedToken {
                    name: name.to_string(),
                    class: "not_stored",
                    message,
                    valid_until: None,
                    next_attempt_at: None,
                    needs_login: false,
                },
                true,
            ),
            Done::Failed { name, class, message, valid_until, next_attempt_at, needs_login } => {
                self.expired += u64::from(valid_until.is_none());
                self.unconfigured += u64::from(class == Class::Configuration);
                let name = name.to_string();
                let class_word = class.as_str();
                let failed = FailedToken {
                    name,
                    class: class_word,
                    message,
                    valid_until,
                    next_attempt_at,
                    needs_login,
                };
                self.add_failure(failed, class.is_temporary());
            }
        }
    }

    fn add_failure(&mut self, failed: FailedToken, is_temporary: bool) {
        self.failed += 1;
        self.temporary += u64::from(is_temporary);
        if self.failures.len() < LISTED {
            self.failures.push(failed);
        }
    }

    /// How many rows were taken up.
    #[must_use]
    pub fn taken_up(&self) -> u64 {
        let failed = self.unused + self.failed;
        self.refreshed + self.logged_in + self.partial + self.fenced + self.replayed + failed
    }

    /// The exit code: what is worst for the tokens' users comes first.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let succeeded = self.refreshed + self.logged_in + self.fenced;
        if !self.needs_login.is_empty() {
            Exit::NeedsHuman
        } else if self.unconfigured > 0 && self.unconfigured == self.failed && succeeded == 0 {
            Exit::Usage
        } else if self.expired > 0 || !self.without_token.is_empty() {
            Exit::NoValidToken
        } else if self.failed > 0 && self.failed == self.temporary && succeeded == 0 {
            Exit::Temporary
        } else if self.failed + self.partial > 0 {
            Exit::Partly
        } else {
            Exit::Ok
        }
    }
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn rfc3339<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(text).serialize(serializer)
}

/// An instant as everybody writes it: RFC 3339 in UTC, whole seconds.
#[must_use]
pub fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A number of things: `1 answer`, `2 answers`.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// More would not be read, and a pass over very many rows must not keep them all.
const LISTED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(class: Class, valid: bool) -> Done {
        Done::Failed {
            name: "a".parse().unwrap(),
            class,
            message: "m".into(),
            valid_until: valid.then(tokenkeeper_shared::clock::latest),
            next_attempt_at: None,
            needs_login: false,
        }
    }

    fn renewed() -> Done {
        Done::Renewed { name: "b".parse().unwrap(), login: false }
    }

    #[test]
    fn the_exit_code_tells_what_is_worst_for_the_users() {
        for (done, waiting, exit) in [
            (vec![], vec![], Exit::Ok),
            (vec![renewed()], vec![], Exit::Ok),
            (vec![renewed(), failed(Class::Uncertain, true)], vec![], Exit::Partly),
            (vec![failed(Class::Uncertain, true)], vec![], Exit::Temporary),
            (vec![failed(Class::Misconfigured, true)], vec![], Exit::Partly),
            (vec![failed(Class::Configuration, false)], vec![], Exit::Usage),
            (vec![renewed(), failed(Class::Configuration, true)], vec![], Exit::Partly),
            (vec![renewed(), failed(Class::NotSent, false)], vec![], Exit::NoValidToken),
            (vec![renewed()], vec!["c".to_owned()], Exit::NeedsHuman),
        ] {
            let mut report = Report { needs_login: waiting, ..Report::default() };
            for done in done {
                report.add(done);
            }
            assert_eq!(report.exit(), exit, "{report:?}");
        }
    }

    #[test]
    fn all_failures_are_counted_and_the_first_ones_listed() {
        let mut report = Report::default();
        for _ in 0..1000 {
            report.add(failed(Class::NotSent, true));
        }
        assert_eq!((report.failed, report.failures.len()), (1000, LISTED));
    }
}
