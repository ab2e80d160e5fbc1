//! Errors as documents (RFC 9457): a status, a code for programs and a sentence for people.
//! Which failure becomes which is decided here, and nowhere else.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde_json::json;
use tokenkeeper_shared::{
    clock,
    lifecycle::verdict::Refusal,
    token::{State, Token},
    wait::NoToken,
};

use super::access::Denied;
use crate::{Error, cli::failure};

/// An answer that says what went wrong.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// For programs; a promise.
    pub(super) code: &'static str,
    /// For people, without secrets.
    pub(super) detail: String,
    /// When to ask again.
    pub(super) retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// The same for a name that does not exist and for one that this key may not see.
    pub(super) fn no_such_name(name: &crate::TokenName) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            NO_SUCH_NAME,
            format!("there is no token named \"{name}\""),
        )
    }

    pub(super) fn after(self, pause: Duration) -> Self {
        Self { retry_after: Some(pause), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let Self { status, code, detail, retry_after } = self;
        // RFC 9457, 4.2.1: of a problem whose type is blank the title is the status in words.
        let title = status.canonical_reason().unwrap_or_default();
        let document = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        });
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        if let Some(pause) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(pause)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, BEARER);
        }
        response
    }
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
            Error::NoToken(NoToken::NoSuchName(name)) => Self::no_such_name(name),
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

/// RFC 9110, 10.2.3: whole seconds; too early would be in vain.
fn whole_seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

pub(super) const NO_SUCH_NAME: &str = "no_such_name";

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"tokenkeeper\"");

/// An exchange takes a second or so, a database's restart a few.
const AGAIN: Duration = Duration::from_secs(2);
/// A human may mend it before the worker's next try.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
