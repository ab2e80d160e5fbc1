//! Which failure becomes which problem is decided here, and nowhere else. What a problem is lies in
//! `tokenkeeper_shared::http::problem`.

use std::time::Duration;

use axum::http::StatusCode;
use tokenkeeper_shared::{
    clock,
    http::problem::Problem,
    lifecycle::verdict::Refusal,
    token::{State, Token},
    wait::NoToken,
};

use super::access::Denied;
use crate::{Error, cli::failure};

/// The same for a name that does not exist and for one that this key may not see.
pub(super) fn no_such_name(name: &crate::TokenName) -> Problem {
    let detail = format!("there is no token named \"{name}\"");
    Problem::new(StatusCode::NOT_FOUND, NO_SUCH_NAME, detail)
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send one key that this server knows as `Authorization: Bearer KEY`",
            ),
            Denied::Paused(pause) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_failures",
                "too many wrong keys came from this address: wait before the next one",
            )
            .after(pause),
        }
    }
}

/// Only what the caller can do something about is told; the rest goes to the server's own log.
impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        match error {
            Error::Name(error) => Self::bad_request(error.to_string()),
            Error::NoToken(NoToken::NoSuchName(name)) => no_such_name(name),
            Error::NoToken(NoToken::Refused { token, now, refusal }) => {
                let until_next = token.next_attempt_at.map(|next| clock::until(*now, next));
                refused(token, *refusal, until_next, failure::of(error).message)
            }
            Error::Store(error) | Error::NoToken(NoToken::Store(error)) if error.is_transient() => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporary", error.to_string())
                    .after(AGAIN)
            }
            Error::Store(_)
            | Error::NoToken(NoToken::Store(_))
            | Error::Settings(_)
            | Error::NoRuntime
            | Error::WouldBlock
            | Error::Runtime(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the server cannot use its database or key: its log says why",
            ),
        }
    }
}

fn refused(
    token: &Token,
    refusal: Refusal,
    until_next: Option<Duration>,
    detail: String,
) -> Problem {
    let unavailable = |code| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail.clone());
    match (refusal, token.state) {
        (Refusal::StillUpdating, _) => unavailable("temporary").after(AGAIN),
        (_, State::NeedsLogin) => Problem::new(StatusCode::CONFLICT, "needs_login", detail),
        (_, State::Disabled) => Problem::new(StatusCode::CONFLICT, "disabled", detail),
        _ => {
            let pause = until_next.unwrap_or(AGAIN).clamp(AGAIN, LONGEST_RETRY);
            unavailable("no_valid_token").after(pause)
        }
    }
}

pub(super) const NO_SUCH_NAME: &str = "no_such_name";

/// An exchange takes a second or so, a database's restart a few.
const AGAIN: Duration = Duration::from_secs(2);
/// A human may mend it before the worker's next try.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
