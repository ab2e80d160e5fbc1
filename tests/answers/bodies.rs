//! Bodies that are damaged, disguised, endless or odd: P4 to P10, P14 and P15.

use std::time::Duration;

use serde_json::json;
use tokenkeeper_shared::lifecycle::{RefreshPolicy, expiry};
use tokenkeeper_worker::{
    outcome::Class,
    provider::Step,
    sandbox::{Fault, Rewrite, Rotation},
};
use tokio::time::Instant;

use crate::{
    ground::{Ground, answer, class, failure, kept, noon, oauth2, quartile},
    raw::{Raw, Then},
};

fn rewrite() -> Rewrite {
    Rewrite::default()
}

#[tokio::test]
async fn half_an_answer_is_uncertain_and_an_answer_cut_behind_its_refresh_token_is_partial() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for cut in [false, true] {
            let outcome = ground.spoiled(&provider, Fault::Truncated { cut }).await;
            assert_eq!(class(&outcome), "uncertain");
        }
        // Quartile's sandbox ends with "}}", the other with its token type.
        let rest = if provider.word() == "quartile" { 2 } else { 10 };
        let cut = rewrite().map_body(move |body| body[..body.len() - rest].to_vec());
        let outcome = ground.rewritten(&provider, cut).await;
        assert_eq!(class(&outcome), "partial");
        assert_eq!(kept(&outcome), ground.newest());
    }
}

#[tokio::test]
async fn a_cut_connection_does_not_cost_a_refresh_token_that_came_through() {
    let ground = Ground::new().await;
    let body = r#"{"refresh_token":"refresh-1","access_token":"access-"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n";
    let server = Raw::answering(format!("{head}{body}"), Then::Close).await;
    let provider = oauth2(&format!("http://{}/token", server.address));
    let outcome = ground.judged(&provider, &ground.refresh()).await;
    assert_eq!((class(&outcome), kept(&outcome).as_deref()), ("partial", Some("refresh-1")));
}

#[tokio::test]
async fn the_end_of_a_form_that_was_cut_is_not_taken_for_a_whole_token() {
    let ground = Ground::new().await;
    let body = "access_token=access-1&refresh_token=refresh-1-and-more-that-was-c";
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";
    let server = Raw::answering(format!("{head}{body}"), Then::Close).await;
    let provider = oauth2(&format!("http://{}/token", server.address));
    let outcome = ground.judged(&provider, &ground.refresh()).await;
    assert_eq!(kept(&outcome), None, "{outcome:?}");
}

#[tokio::test]
async fn damage_in_an_answer_does_not_cost_its_refresh_token() {
    let ground = Ground::new().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let inserted = |text: Vec<u8>| {
        rewrite().map_body(move |body| [b"{\"x\":", text.as_slice(), b",", &body[1..]].concat())
    };
    for provider in [ground.quartile(), ground.oauth2()] {
        for (text, expected) in [
            (b"\"\xff\xfe\"".to_vec(), "partial"),
            (deep.clone().into_bytes(), "partial"),
            (b"1e999".to_vec(), "partial"),
            (b"1,\"x\":2,\"authorization\":null,\"access_token\":0".to_vec(), "ok"),
        ] {
            let outcome = ground.rewritten(&provider, inserted(text)).await;
            assert_eq!(class(&outcome), expected);
            assert_eq!(kept(&outcome), ground.newest());
        }
        let marked = rewrite().map_body(|body| ["\u{feff}".as_bytes(), &body].concat());
        assert_eq!(class(&ground.rewritten(&provider, marked).await), "ok");
    }
}

#[tokio::test]
async fn the_body_decides_and_not_its_media_type() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for media_type in
            ["text/html", "text/plain; charset=utf-8", "application/octet-stream", "nonsense"]
        {
            let outcome = ground.rewritten(&provider, rewrite().content_type(media_type)).await;
            assert_eq!((class(&outcome), kept(&outcome)), ("ok", ground.newest()), "{media_type}");
        }
        for (body, media_type) in [
            ("<html><form>log in, canary</form></html>", "text/html"),
            ("<html>canary</html>", "application/json"),
            ("", "application/json"),
            ("canary", "text/plain"),
            ("[\"canary\"]", "application/json"),
        ] {
            let page = rewrite().status(200).content_type(media_type).body(body);
            assert_eq!(class(&ground.rewritten(&provider, page).await), "uncertain", "{body}");
        }
    }
    let form = rewrite().form_encoded();
    let outcome = ground.rewritten(&ground.oauth2(), form.clone()).await;
    assert_eq!((class(&outcome), kept(&outcome)), ("ok", ground.newest()));
    let outcome = ground.rewritten(&ground.oauth2(), form.content_type("text/plain")).await;
    assert_eq!((class(&outcome), kept(&outcome)), ("ok", ground.newest()));
}

#[tokio::test]
async fn an_answer_without_a_body_is_uncertain() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for status in [200, 201, 204] {
            let fault = Fault::Status { status, headers: vec![], body: vec![] };
            assert_eq!(class(&ground.spoiled(&provider, fault).await), "uncertain");
        }
    }
}

#[tokio::test]
async fn a_success_that_holds_an_error_is_an_error() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for (code, refresh, login) in [
            ("invalid_grant", "rejected", "login_refused"),
            ("invalid_client", "misconfigured", "misconfigured"),
            ("slow_down", "throttled", "throttled"),
            ("server_error", "uncertain", "uncertain"),
        ] {
            for (step, expected) in [(ground.refresh(), refresh), (Step::Login, login)] {
                let body = json!({"error": code, "error_description": "canary"}).to_string();
                let headers = vec![];
                let fault = Fault::Status { status: 200, headers, body: body.into_bytes() };
                ground.sandbox.next_answer(fault);
                let outcome = ground.judged(&provider, &step).await;
                assert_eq!(class(&outcome), expected, "{code}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_beside_new_tokens_does_not_cost_the_refresh_token() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        let outcome = ground.rewritten(&provider, rewrite().set("error", "server_error")).await;
        assert_eq!((class(&outcome), kept(&outcome)), ("partial", ground.newest()));
    }
}

#[tokio::test]
async fn an_endless_answer_is_left_at_once_and_keeps_its_refresh_token() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        let begun = Instant::now();
        let outcome = ground.spoiled(&provider, Fault::Endless).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(kept(&outcome), ground.newest(), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_packed_is_left_unread() {
    let ground = Ground::new().await;
    let gzip = [&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"[..], &[0xff; 4096]].concat();
    for provider in [ground.quartile(), ground.oauth2()] {
        let packed = rewrite().header("content-encoding", "gzip").body(gzip.clone());
        assert_eq!(class(&ground.rewritten(&provider, packed).await), "uncertain");
        let large = rewrite().body("x".repeat(2 << 20));
        let failed = failure(ground.rewritten(&provider, large).await);
        assert_eq!(failed.class, Class::Uncertain);
        assert!(failed.message.contains("larger than 1 MiB"), "{}", failed.message);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let server = Raw::answering([head.as_bytes(), &vec![b' '; 3 << 20]].concat(), Then::Wait).await;
    let provider = quartile(&format!("http://{}/auth/v2", server.address));
    let begun = Instant::now();
    assert_eq!(class(&ground.judged(&provider, &ground.refresh()).await), "uncertain");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn no_lifetime_keeps_an_answer_from_being_stored() {
    let ground = Ground::new().await;
    let absurd = [
        json!("3600"),
        json!(3600.0),
        json!(0),
        json!(-1),
        json!(1e18),
        json!(43_200_000_000_u64),
        json!(null),
    ];
    for (provider, parent) in [(ground.quartile(), "/authorization"), (ground.oauth2(), "")] {
        for value in &absurd {
            let member = format!("{parent}/expires_in");
            let outcome = ground.rewritten(&provider, rewrite().set(&member, value.clone())).await;
            assert_eq!(class(&outcome), "ok", "{value}");
            let hints = answer(outcome).hints;
            assert!(expiry(noon(), hints, RefreshPolicy::default()).0 > noon(), "{value}");
        }
        let missing = rewrite().remove(&format!("{parent}/expires_in"));
        assert_eq!(class(&ground.rewritten(&provider, missing).await), "ok");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_partial() {
    let ground = Ground::new().await;
    for (provider, member) in
        [(ground.quartile(), "/authorization/token"), (ground.oauth2(), "access_token")]
    {
        for bad in ["a\r\nX-Evil: canary", "a\0b", "a b", "ä", ""] {
            let outcome = ground.rewritten(&provider, rewrite().set(member, bad)).await;
            assert_eq!((class(&outcome), kept(&outcome)), ("partial", ground.newest()), "{bad:?}");
        }
        let missing = ground.rewritten(&provider, rewrite().remove(member)).await;
        assert_eq!((class(&missing), kept(&missing)), ("partial", ground.newest()));
    }
}

#[tokio::test]
async fn large_tokens_are_taken_up_to_the_bodys_bound() {
    let ground = Ground::new().await;
    for (provider, member) in
        [(ground.quartile(), "/authorization/token"), (ground.oauth2(), "access_token")]
    {
        for (size, expected) in [(64 << 10, "ok"), (512 << 10, "ok"), (10 << 20, "uncertain")] {
            let outcome =
                ground.rewritten(&provider, rewrite().set(member, "t".repeat(size))).await;
            assert_eq!(class(&outcome), expected, "{size}");
        }
    }
}

#[tokio::test]
async fn other_types_and_narrower_scopes_are_stored_as_they_come() {
    let ground = Ground::new().await;
    for kind in ["DPoP", "mac", "bearer"] {
        let odd = rewrite().set("token_type", kind).set("scope", "less");
        let answer = answer(ground.rewritten(&ground.oauth2(), odd).await);
        assert_eq!(
            (answer.token_type.as_deref(), answer.scope.as_deref()),
            (Some(kind), Some("less"))
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_or_with_the_same_one_is_ok() {
    let ground = Ground::with_rotation(Rotation::None).await;
    for (provider, member) in [(ground.quartile(), "/refresh"), (ground.oauth2(), "refresh_token")]
    {
        let outcome = ground.judged(&provider, &ground.refresh()).await;
        assert_eq!((class(&outcome), kept(&outcome)), ("ok", None));
        let null = ground.rewritten(&provider, rewrite().set(member, json!(null))).await;
        assert_eq!((class(&null), kept(&null)), ("ok", None));
        let same =
            if member == "/refresh" { json!({"token": "refresh-1"}) } else { json!("refresh-1") };
        let outcome = ground.rewritten(&provider, rewrite().set(member, same)).await;
        assert_eq!((class(&outcome), kept(&outcome).as_deref()), ("ok", Some("refresh-1")));
    }
}
