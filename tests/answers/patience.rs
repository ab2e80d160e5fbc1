//! Providers that are busy, down or gone: P1, P2, and what was never sent.

use std::time::Duration;

use tokenkeeper_shared::secret::Secret;
use tokenkeeper_worker::{
    outcome::{Class, Outcome},
    provider::Step,
    sandbox::{Fault, Rotation},
};

use crate::{
    ground::{Ground, class, failure, judged, quartile},
    raw::{Raw, Then, resetting},
};

fn busy(status: u16, retry_after: &str) -> Fault {
    Fault::Status {
        status,
        headers: vec![("retry-after".to_owned(), retry_after.to_owned())],
        body: b"<html>refresh-0 access-0 canary</html>".to_vec(),
    }
}

fn status(status: u16) -> Fault {
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    Fault::Status { status, headers, body: b"<html>canary refresh-0</html>".to_vec() }
}

#[tokio::test]
async fn a_busy_provider_is_heard_in_seconds_dates_and_nonsense() {
    let ground = Ground::new().await;
    let secs = Duration::from_secs;
    let cases = [
        ("120", Some(secs(120))),
        ("Thu, 01 Jan 2026 12:02:00 GMT", Some(secs(120))),
        ("Wed, 31 Dec 2025 12:00:00 GMT", Some(Duration::ZERO)),
        ("315360000", Some(secs(315_360_000))),
        ("soon, canary", None),
        ("", None),
    ];
    for provider in [ground.quartile(), ground.oauth2()] {
        for (text, told) in cases {
            for step in [ground.refresh(), Step::Login] {
                ground.sandbox.next_answer(busy(429, text));
                let failed = failure(ground.judged(&provider, &step).await);
                assert_eq!((failed.class, failed.told), (Class::Throttled, told), "{text}");
                ground.sandbox.next_answer(busy(503, text));
                let failed = failure(ground.judged(&provider, &step).await);
                let class = if told.is_some() { Class::Throttled } else { Class::Uncertain };
                assert_eq!((failed.class, failed.told), (class, told), "{text}");
            }
        }
    }
    assert_eq!(ground.sandbox.counts().replays, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_uncertainty_and_its_page_is_not_repeated() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for code in [408, 425, 500, 501, 502, 503, 504, 520] {
            let failed = failure(ground.spoiled(&provider, status(code)).await);
            assert_eq!(failed.class, Class::Uncertain, "{code}");
            assert_eq!(failed.message, format!("the provider answered {code}"));
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_uncertainty_and_the_token_is_sent_once() {
    let ground = Ground::with_rotation(Rotation::Strict).await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for processed in [false, true] {
            // On a kept connection too: its loss is what clients like to repeat a request after.
            assert_eq!(class(&ground.judged(&provider, &ground.refresh()).await), "ok");
            let token = ground.sandbox.issue_grant();
            let step = Step::Refresh(Secret::new(token.as_str()));
            ground.sandbox.next_answer(Fault::Cut { processed });
            let failed = failure(ground.judged(&provider, &step).await);
            assert_eq!(failed.class, Class::Uncertain);
            assert!(failed.message.contains("gave no answer"), "{}", failed.message);
            assert_eq!(ground.sandbox.spends_of(&token), 1);
        }
    }
    let (address, heard) = resetting().await;
    let provider = quartile(&format!("http://{address}/auth/v2"));
    assert_eq!(class(&ground.judged(&provider, &ground.refresh()).await), "uncertain");
    assert_eq!(heard.await, Ok(1));
}

#[tokio::test]
async fn what_no_server_hears_was_not_sent() {
    let ground = Ground::new().await;
    let step = ground.refresh();
    let (by_name, refused) = (quartile("https://provider.invalid/auth/v2"), ground.quartile());
    let Ground { sandbox, http, environment } = ground;
    sandbox.stop().await;
    for provider in [by_name, refused] {
        for step in [&step, &Step::Login] {
            let outcome = judged(&http, &provider, step, &environment).await;
            let failed = failure(outcome);
            assert_eq!(failed.class, Class::NotSent);
            assert!(failed.message.contains("cannot be reached"), "{}", failed.message);
        }
    }
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_told_by_its_name() {
    let ground = Ground::new().await;
    let environment =
        tokenkeeper_shared::settings::Environment::of([("KEY", "canary\r\nX-Evil: 1")]);
    let outcome = judged(&ground.http, &ground.quartile(), &ground.refresh(), &environment).await;
    let Outcome::Failed(failed) = outcome else { panic!("{outcome:?}") };
    assert!(failed.message.contains("Subscription-Key"), "{}", failed.message);
    assert_eq!(ground.sandbox.counts().exchanges, 0);
}

#[tokio::test]
async fn what_is_no_http_leaves_uncertainty() {
    let ground = Ground::new().await;
    for bytes in [
        "",
        "canary\r\n\r\n",
        "HTTP/1.1 2x1 canary\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: canary\r\n\r\n",
    ] {
        let server = Raw::answering(bytes, Then::Close).await;
        let provider = quartile(&format!("http://{}/auth/v2", server.address));
        let outcome = ground.judged(&provider, &ground.refresh()).await;
        assert_eq!(class(&outcome), "uncertain", "{bytes}");
        assert!(server.heard().starts_with("POST /auth/v2/refresh HTTP/1.1\r\n"));
    }
}
