//! What holds for every reply: it is judged, and no judgement repeats what was in it.

use proptest::{collection, prelude::*};
use tokenkeeper_shared::clock;

use super::*;

#[test]
fn no_message_holds_what_the_body_held() {
    let body = r#"{"access_token":"canary-a b","error_description":"canary-d","message":"canary-m","x":"canary-x"}"#;
    for status in [200, 201, 302, 400, 401, 403, 404, 429, 500, 503] {
        for asked in BOTH {
            for shape in SHAPES {
                let judged = failed(asked, shape, answered(status, body));
                assert!(!judged.message.contains("canary"), "{}", judged.message);
                assert!(judged.message.len() < 300 && !judged.message.contains('\n'));
            }
        }
    }
}

#[test]
fn a_token_sent_as_the_error_code_is_not_repeated() {
    for asked in BOTH {
        let judged =
            failed(asked, Shape::Rfc6749, answered(400, r#"{"error":"canary-rt-9f8e7d6c5b4a"}"#));
        assert!(!judged.message.contains("9f8e7d6c5b4a"), "{}", judged.message);
    }
}

#[test]
fn a_reply_does_not_print_its_body() {
    let body = "canary-token";
    let shown = format!("{:?}", answered(200, body));
    let in_numbers = format!("{:?}", body.as_bytes());
    let in_numbers = in_numbers.trim_matches(['[', ']']);
    assert!(!shown.contains("canary") && !shown.contains(in_numbers), "{shown}");
    let outcome = classify(
        Asked::Refresh,
        Shape::Rfc6749,
        answered(200, r#"{"access_token":"canary-a","refresh_token":"canary-r"}"#),
        noon(),
    );
    assert!(!format!("{outcome:?}").contains("canary"));
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "\"refresh_token\":",
        "\"canary\"",
        "\"error\":",
        "\"invalid_grant\"",
        ",",
        "\"refresh\":{",
        "\"token\":",
        "\"access_token\":",
        "\"authorization\":{",
        "5",
        "null",
        "error=x&",
        "access_token=a&",
    ]);
    prop_oneof![
        collection::vec(any::<u8>(), 0..200),
        collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn every_reply_is_judged(
        status in any::<u16>(), retry_after in proptest::option::of(any::<String>()), body in any_body(),
    ) {
        for asked in BOTH {
            for shape in SHAPES {
                let reply = reply(status, retry_after.as_deref(), None, body.clone());
                match classify(asked, shape, reply, noon()) {
                    Outcome::Answer(answer) => prop_assert!(answer.usable_access_token().is_some()),
                    Outcome::Partial(answer, _) => prop_assert!(answer.refresh_token.is_some()),
                    Outcome::Failed(failed) => {
                        prop_assert!((200..300).contains(&status) || failed.class != Class::NotSent);
                        prop_assert!(asked == Asked::Refresh || failed.class != Class::Rejected);
                        prop_assert!(asked == Asked::Login || failed.class != Class::LoginRefused);
                        prop_assert!(!failed.message.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn only_a_2xx_gives_tokens(status in any::<u16>()) {
        let tokens = (200..300).contains(&status);
        prop_assert_eq!(standard(status, r#"{"access_token":"a"}"#) == ("ok", "ok"), tokens);
    }

    #[test]
    fn a_date_to_come_back_at_is_a_time_from_now(seconds in 0u64..4_000_000_000) {
        let date = clock::after(noon(), secs(seconds));
        let text = httpdate::fmt_http_date(date.into());
        let judged = failed(Asked::Refresh, Shape::Rfc6749, told_to_wait(429, &text));
        prop_assert_eq!(judged.told, Some(secs(seconds)));
    }
}
