//! Every class with each of its examples, for both shapes and both things that are asked.

mod failures;
mod properties;
mod successes;

use super::*;

const BOTH: [Asked; 2] = [Asked::Login, Asked::Refresh];
const SHAPES: [Shape; 2] = [Shape::Rfc6749, Shape::Quartile];

fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reply(
    status: u16,
    retry_after: Option<&str>,
    redirect_host: Option<&str>,
    body: impl Into<Vec<u8>>,
) -> Reply {
    Reply::Answered {
        status,
        retry_after: retry_after.map(str::to_owned),
        redirect_host: redirect_host.map(str::to_owned),
        body: body.into(),
    }
}

fn answered(status: u16, body: &str) -> Reply {
    reply(status, None, None, body)
}

fn told_to_wait(status: u16, retry_after: &str) -> Reply {
    reply(status, Some(retry_after), None, "<html>busy</html>")
}

fn failed(asked: Asked, shape: Shape, reply: Reply) -> Failed {
    match classify(asked, shape, reply, noon()) {
        Outcome::Failed(failed) => failed,
        other => panic!("no failure: {other:?}"),
    }
}

/// The class in one word, as the tables of the documentation have it.
fn class(asked: Asked, shape: Shape, reply: Reply) -> &'static str {
    match classify(asked, shape, reply, noon()) {
        Outcome::Answer(_) => "ok",
        Outcome::Partial(..) => "partial",
        Outcome::Failed(failed) => failed.class.as_str(),
    }
}

/// The same in RFC 6749 for (login, refresh).
fn standard(status: u16, body: &str) -> (&'static str, &'static str) {
    let of = |asked| class(asked, Shape::Rfc6749, answered(status, body));
    (of(Asked::Login), of(Asked::Refresh))
}

fn quartile(status: u16, body: &str) -> (&'static str, &'static str) {
    let of = |asked| class(asked, Shape::Quartile, answered(status, body));
    (of(Asked::Login), of(Asked::Refresh))
}

#[test]
fn the_words_of_the_classes_are_those_of_the_column() {
    let words = [
        (Class::NotSent, "not_sent", true),
        (Class::Uncertain, "uncertain", true),
        (Class::Throttled, "throttled", true),
        (Class::Rejected, "rejected", false),
        (Class::Misconfigured, "misconfigured", false),
        (Class::Configuration, "configuration", false),
        (Class::LoginRefused, "login_refused", false),
    ];
    for (class, word, is_temporary) in words {
        assert_eq!((class.as_str(), class.is_temporary()), (word, is_temporary));
    }
}
