//! What came back, classified: pure, and complete over everything that a provider can answer.
//! What is then written lies in `aftermath`.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    answer::{Answer, Shape},
    provider::Step,
};

/// What one request came to, before anybody judges it.
#[derive(Clone)]
pub enum Reply {
    /// The provider answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The header `Retry-After`, as sent.
        retry_after: Option<String>,
        /// For a redirect, the host it leads to.
        redirect_host: Option<String>,
        /// The body, which may hold tokens.
        body: Vec<u8>,
    },
    /// A success began, and its end is missing: cut off, too late or too large.
    Broken {
        /// What came, which may hold tokens.
        body: Vec<u8>,
        /// What happened to the rest.
        why: String,
    },
    /// Not a byte of the request left this host.
    NotSent(String),
    /// No request could be made of what is configured.
    Unsendable(String),
    /// The request went out, and no whole answer came back.
    Lost(String),
}

/// Without the body.
impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, body, .. } => {
                write!(formatter, "Answered({status}, {} bytes)", body.len())
            }
            Self::Broken { body, why } => write!(formatter, "Broken({} bytes, {why})", body.len()),
            Self::NotSent(why) => write!(formatter, "NotSent({why})"),
            Self::Unsendable(why) => write!(formatter, "Unsendable({why})"),
            Self::Lost(why) => write!(formatter, "Lost({why})"),
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A login: credentials were presented.
    Login,
    /// A refresh: a refresh token was spent.
    Refresh,
}

impl Asked {
    /// What a step asks for.
    #[must_use]
    pub fn by(step: &Step) -> Self {
        if *step == Step::Login { Self::Login } else { Self::Refresh }
    }

    /// The word in the history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
        }
    }
}

/// The classes of outcomes, with the words that stand in the database and in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing was sent.
    NotSent,
    /// The refresh token may be spent.
    Uncertain,
    /// The provider asks for patience.
    Throttled,
    /// The refresh token is dead.
    Rejected,
    /// Only a change of the configuration helps.
    Misconfigured,
    /// A secret, key or file of this worker cannot be read; the provider was not asked.
    Configuration,
    /// The credentials were refused.
    LoginRefused,
}

impl Class {
    /// The word in the column `last_error_class`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Uncertain => "uncertain",
            Self::Throttled => "throttled",
            Self::Rejected => "rejected",
            Self::Misconfigured => "misconfigured",
            Self::Configuration => "configuration",
            Self::LoginRefused => "login_refused",
        }
    }

    /// Whether waiting alone may help.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::NotSent | Self::Uncertain | Self::Throttled)
    }
}

/// A judged reply.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Tokens to commit.
    Answer(Box<Answer>),
    /// A refresh token to commit, and what is wrong with the rest.
    Partial(Box<Answer>, String),
    /// A failure.
    Failed(Failed),
}

/// A failure as it is told and stored; the text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its class.
    pub class: Class,
    /// What happened.
    pub message: String,
    /// How long the provider said to wait.
    pub told: Option<Duration>,
}

impl Failed {
    /// A failure without a word of the provider on when to come back.
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), told: None }
    }
}

/// Judges a reply. `now` is for a `Retry-After` that names a date.
#[must_use]
pub fn classify(asked: Asked, shape: Shape, reply: Reply, now: DateTime<Utc>) -> Outcome {
    let failed = |class, message| Outcome::Failed(Failed::new(class, message));
    match reply {
        Reply::NotSent(why) => failed(Class::NotSent, why),
        Reply::Unsendable(why) => failed(Class::Configuration, why),
        Reply::Lost(why) => failed(Class::Uncertain, why),
        Reply::Broken { body, why } => match Answer::read_broken(shape, &body) {
            Some(answer) => judged(asked, 200, answer, why),
            None => failed(Class::Uncertain, why),
        },
        Reply::Answered { status, retry_after, redirect_host, body } => {
            let told = retry_after.as_deref().and_then(|text| told(text, now));
            match status {
                200..=299 => success(asked, shape, status, &body),
                300..=399 => {
                    failed(Class::Misconfigured, redirected(status, redirect_host.as_deref()))
                }
                429 => throttled(status, told),
                503 if told.is_some() => throttled(status, told),
                408 | 425 | 500..=599 => {
                    failed(Class::Uncertain, format!("the provider answered {status}"))
                }
                _ => Outcome::Failed(Failed { told, ..refusal(asked, shape, status, &body) }),
            }
        }
    }
}

fn success(asked: Asked, shape: Shape, status: u16, body: &[u8]) -> Outcome {
    let unread = format!("the provider answered {status} with something that is no token answer");
    match Answer::read(shape, body) {
        Some(answer) => judged(asked, status, answer, unread),
        None => Outcome::Failed(Failed::new(Class::Uncertain, unread)),
    }
}

/// A refresh token is kept whatever stands beside it: the old one may be dead by now.
fn judged(asked: Asked, status: u16, answer: Answer, unread: String) -> Outcome {
    let has_refresh_token = answer.refresh_token.is_some();
    match (answer.error.as_deref(), &answer.access_token) {
        (Some(code), _) if has_refresh_token => {
            let message = format!("the provider answered {status} {code} beside a refresh token");
            partial(answer, &message)
        }
        (Some(code), _) => Outcome::Failed(named_error(asked, status, code)),
        (None, _) if answer.usable_access_token().is_some() => Outcome::Answer(Box::new(answer)),
        (None, _) if answer.is_salvaged => {
            partial(answer, "the answer was damaged; its refresh token was saved")
        }
        (None, None) if has_refresh_token => {
            partial(answer, "the answer holds a refresh token but no access token")
        }
        (None, Some(_)) if has_refresh_token => partial(answer, UNUSABLE),
        (None, Some(_)) => Outcome::Failed(Failed::new(Class::Uncertain, UNUSABLE)),
        (None, None) => Outcome::Failed(Failed::new(Class::Uncertain, unread)),
    }
}

fn partial(answer: Answer, message: &str) -> Outcome {
    Outcome::Partial(Box::new(answer), message.to_owned())
}

fn throttled(status: u16, told: Option<Duration>) -> Outcome {
    let message = format!("the provider answered {status} and asks to come back later");
    Outcome::Failed(Failed { class: Class::Throttled, message, told })
}

fn redirected(status: u16, host: Option<&str>) -> String {
    let to = host.map(|host| format!(" to {host}")).unwrap_or_default();
    format!(
        "the provider answered {status}, a redirect{to}, which is not followed because credentials would go along: configure the final URL"
    )
}

/// A 4xx without a usable reason of its own is judged by its status.
fn refusal(asked: Asked, shape: Shape, status: u16, body: &[u8]) -> Failed {
    if let Some(code) = Answer::read(shape, body).and_then(|answer| answer.error) {
        return named_error(asked, status, &code);
    }
    let message = format!("the provider answered {status}");
    let class = match (asked, status) {
        (Asked::Login, 400 | 401 | 403) => Class::LoginRefused,
        // The Quartile API names no errors: 401 is how it refuses a refresh token. A standard
        // endpoint answers 400 for that, and 401 for the client's credentials (RFC 6749, 5.2).
        (Asked::Refresh, 401 | 403) if shape == Shape::Quartile => Class::Rejected,
        _ => Class::Misconfigured,
    };
    Failed::new(class, message)
}

/// RFC 6749, 5.2, and what real servers add to it.
fn named_error(asked: Asked, status: u16, code: &str) -> Failed {
    let message = format!("the provider answered {status} {code}");
    let class = match (code, asked) {
        ("invalid_grant" | "access_denied", Asked::Login) => Class::LoginRefused,
        ("invalid_grant" | "invalid_token" | "expired_token", Asked::Refresh) => Class::Rejected,
        ("temporarily_unavailable" | "slow_down" | "rate_limited", _) => Class::Throttled,
        ("server_error", _) => Class::Uncertain,
        (
            "invalid_client" | "unauthorized_client" | "invalid_scope" | "unsupported_grant_type",
            _,
        ) => Class::Misconfigured,
        // Some servers call a wrong password `invalid_request`: no second try with it.
        (_, Asked::Login) if matches!(status, 200..=299 | 400 | 401 | 403) => Class::LoginRefused,
        _ => Class::Misconfigured,
    };
    Failed::new(class, message)
}

/// RFC 9110, 10.2.3: seconds, or an HTTP date. Anything else says nothing.
fn told(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date: DateTime<Utc> = httpdate::parse_http_date(text).ok()?.into();
    Some(tokenkeeper_shared::clock::until(now, date))
}

const UNUSABLE: &str = "the access token holds characters that no header can carry";

#[cfg(test)]
mod tests;
