//! What an error is told as: what failed, whether the stored token works, when the next try is, and
//! what to run; with its exit code.

use chrono::{DateTime, SecondsFormat, Utc};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    lifecycle::verdict::Refusal,
    token::{State, Token},
    wait::NoToken,
};

use crate::Error;

pub(crate) fn of(error: &Error) -> Failure {
    match error {
        Error::Name(error) => Failure::new(Exit::Usage, error.to_string()),
        Error::Settings(error) => Failure::new(Exit::Usage, error.to_string()),
        Error::NoRuntime | Error::WouldBlock | Error::Runtime(_) => {
            Failure::new(Exit::Internal, error.to_string())
        }
        Error::Store(error) | Error::NoToken(NoToken::Store(error)) => error.into(),
        Error::NoToken(error @ NoToken::NoSuchName(_)) => {
            Failure::new(Exit::NoSuchName, error.to_string())
        }
        Error::NoToken(error @ NoToken::Refused { token, refusal, .. }) => {
            Failure::new(exit(token, *refusal), format!("{error}{}", outlook(token)))
        }
    }
}

fn exit(token: &Token, refusal: Refusal) -> Exit {
    match refusal {
        Refusal::StillUpdating => Exit::Temporary,
        _ if token.state == State::NeedsLogin => Exit::NeedsHuman,
        _ => Exit::NoValidToken,
    }
}

/// Why it was not renewed, and what comes next.
fn outlook(token: &Token) -> String {
    let name = &token.name;
    let why = match (&token.last_error_class, &token.last_error) {
        (Some(class), Some(error)) => format!("; the last try failed: {error} ({class})"),
        _ => String::new(),
    };
    let next = match (token.state, token.next_attempt_at) {
        (State::NeedsLogin, _) => {
            format!(
                "no further try: mend the cause and run `tokenkeeper-worker refresh {name} --force`"
            )
        }
        (State::Disabled, _) => "it is disabled".to_owned(),
        (_, Some(next)) => format!(
            "next try from {} on; to try now run `tokenkeeper-worker refresh {name}`",
            time(next)
        ),
        (_, None) => "run `tokenkeeper-worker run`, and see that a timer does".to_owned(),
    };
    format!("{why}; {next}")
}

/// RFC 3339 in UTC.
pub(crate) fn time(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}
