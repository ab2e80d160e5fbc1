//! The judgement of replies: always one, never a word of a secret in it, and no wait beyond bounds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::{prelude::*, test_runner::TestCaseResult};
use tokenkeeper_shared::lifecycle;
use tokenkeeper_worker::{
    answer::Shape,
    outcome::{Asked, Outcome, Reply, classify},
};

use crate::damage::{check, tells_a_secret};

#[test]
fn no_body_breaks_what_holds_of_all_judgements() {
    check("answers", |body| {
        for status in [200, 302, 400, 401, 429, 503] {
            judged(&answered(status, None, body))?;
        }
        judged(&Reply::Broken { body: body.to_vec(), why: "it broke off".to_owned() })
    });
}

#[test]
fn no_retry_after_leads_out_of_time() {
    check("retry_after", |header| {
        let header = String::from_utf8_lossy(header);
        for status in [200, 400, 429, 503] {
            judged(&answered(status, Some(&header), b""))?;
        }
        Ok(())
    });
}

fn judged(reply: &Reply) -> TestCaseResult {
    let shown = format!("{reply:?}");
    prop_assert!(!tells_a_secret(&shown));
    for asked in [Asked::Login, Asked::Refresh] {
        for shape in [Shape::Rfc6749, Shape::Quartile] {
            match classify(asked, shape, reply.clone(), noon()) {
                Outcome::Answer(answer) => prop_assert!(answer.usable_access_token().is_some()),
                Outcome::Partial(answer, message) => {
                    prop_assert!(answer.refresh_token.is_some());
                    is_plain(&message)?;
                }
                Outcome::Failed(failed) => {
                    is_plain(&failed.message)?;
                    is_bounded(failed.told)?;
                }
            }
        }
    }
    Ok(())
}

fn is_plain(message: &str) -> TestCaseResult {
    prop_assert!(!tells_a_secret(message), "{}", message);
    prop_assert!(!message.is_empty() && message.len() < 300 && !message.contains('\n'));
    Ok(())
}

/// Whatever was told: a try within the hour, and none at once.
fn is_bounded(told: Option<Duration>) -> TestCaseResult {
    for valid_for in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        let delay = lifecycle::told_delay(told.unwrap_or_default(), valid_for);
        prop_assert!((Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&delay));
    }
    Ok(())
}

fn answered(status: u16, retry_after: Option<&str>, body: &[u8]) -> Reply {
    let retry_after = retry_after.map(str::to_owned);
    Reply::Answered { status, retry_after, redirect_host: None, body: body.to_vec() }
}

fn noon() -> DateTime<Utc> {
    "2027-01-01T12:00:00Z".parse().unwrap()
}
