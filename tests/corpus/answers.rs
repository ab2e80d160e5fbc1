//! Token answers: nothing in them leads out of time, into a header or into a log, and a refresh token
//! outlives what happens behind it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::{prelude::*, test_runner::TestCaseResult};
use tokenkeeper_shared::{
    clock,
    lifecycle::{self, RefreshPolicy},
    secret::Secret,
};
use tokenkeeper_worker::answer::{Answer, Shape};

use crate::damage::{check, samples, tells_a_secret};

#[test]
fn no_answer_breaks_what_holds_of_all() {
    check("answers", |body| {
        for shape in [Shape::Rfc6749, Shape::Quartile] {
            for answer in [Answer::read(shape, body), Answer::read_broken(shape, body)] {
                answer.map_or(Ok(()), |answer| holds(shape, &answer))?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_refresh_token_survives_every_cut_behind_it_and_nothing_is_taken_for_it_before() {
    for sample in samples("answers").iter().filter(|sample| sample.name.starts_with("whole-")) {
        let shape = if sample.name.contains("quartile") { Shape::Quartile } else { Shape::Rfc6749 };
        let text = std::str::from_utf8(&sample.bytes).unwrap();
        let closed = text.find(REFRESH_TOKEN).unwrap() + REFRESH_TOKEN.len();
        for length in 0..=text.len() {
            let body = &sample.bytes[..length];
            for answer in [Answer::read(shape, body), Answer::read_broken(shape, body)] {
                let found = answer.as_ref().and_then(|answer| answer.refresh_token.as_ref());
                let expected = (length >= closed).then_some(REFRESH_TOKEN.trim_matches('"'));
                assert_eq!(found.map(Secret::expose), expected, "{}", &text[..length]);
            }
        }
    }
}

fn holds(shape: Shape, answer: &Answer) -> TestCaseResult {
    // What is no secret by its name may be shown, whatever the damage has put there.
    let mut public = [&answer.scope, &answer.token_type].into_iter().flatten();
    let is_public = public.any(|text| tells_a_secret(text));
    let shown = format!("{answer:?}");
    prop_assert!(is_public || !tells_a_secret(&shown));
    prop_assert!(answer.error.as_deref().is_none_or(|code| !tells_a_secret(code)));
    prop_assert!(!answer.is_salvaged || answer.access_token.is_none());
    let refresh_token = answer.refresh_token.as_ref().map_or("-", Secret::expose);
    prop_assert!(!refresh_token.is_empty() && !refresh_token.contains('\0'));
    if let Some(token) = answer.usable_access_token() {
        prop_assert!(!token.expose().is_empty());
        prop_assert!(token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    stays_in_time(answer)?;
    says_the_same_again(shape, answer)
}

fn stays_in_time(answer: &Answer) -> TestCaseResult {
    let (sent_at, policy) = (noon(), RefreshPolicy::default());
    let (expires_at, _) = lifecycle::expiry(sent_at, answer.hints, policy);
    prop_assert!(sent_at <= expires_at && expires_at <= clock::latest());
    let row = (&"quartile".parse().unwrap(), 1);
    let told = answer.refresh_expires_in.map(|life| clock::after(sent_at, life));
    let ends = told.or(answer.refresh_expires_at);
    prop_assert!(ends.is_none_or(|end| end <= clock::latest()));
    let due = lifecycle::refresh_at(sent_at, expires_at, ends, policy, row);
    prop_assert!(sent_at < due || expires_at <= clock::after(sent_at, Duration::from_millis(10)));
    prop_assert!(due <= clock::latest());
    prop_assert!(answer.not_before.is_none_or(|start| start <= clock::latest()));
    Ok(())
}

/// What is stored of an answer is JSON that reads as the answer did.
fn says_the_same_again(shape: Shape, answer: &Answer) -> TestCaseResult {
    let Some(json) = &answer.json else { return Ok(()) };
    let again = Answer::read(shape, json.expose().as_bytes()).unwrap();
    prop_assert_eq!(&again.access_token, &answer.access_token);
    prop_assert_eq!(&again.refresh_token, &answer.refresh_token);
    prop_assert_eq!(&again.token_type, &answer.token_type);
    prop_assert_eq!(&again.scope, &answer.scope);
    prop_assert_eq!(&again.error, &answer.error);
    prop_assert_eq!(again.hints.expires_at, answer.hints.expires_at);
    prop_assert_eq!(again.not_before, answer.not_before);
    Ok(())
}

fn noon() -> DateTime<Utc> {
    "2027-01-01T12:00:00Z".parse().unwrap()
}

/// As it stands in the files whose names begin with `whole-`.
const REFRESH_TOKEN: &str = "\"canary-7f3a9c-refresh\"";
