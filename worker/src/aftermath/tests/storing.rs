//! What an answer leaves to store.

use proptest::collection;
use serde_json::{Value, json};

use super::*;
use crate::answer::Shape;

fn answer(body: &Value) -> Answer {
    Answer::read(Shape::Rfc6749, body.to_string().as_bytes()).unwrap()
}

fn stored(body: &Value, asked: Asked) -> (NewTokens, DateTime<Utc>) {
    new_tokens(&claimed(), &answer(body), None, (asked, noon()), &with_login(NO_WINDOW))
}

fn replaced(token: &str) -> RefreshTokenChange {
    RefreshTokenChange::Replace(Secret::new(token))
}

#[test]
fn an_answer_replaces_what_was_stored() {
    let body = json!({
        "access_token": "a", "token_type": "DPoP", "scope": "less", "expires_in": 43200,
        "refresh_token": "r", "refresh_token_expires_in": 1000, "not_before": "2026-01-01T11:59:00Z",
    });
    let (new, refresh_at) = stored(&body, Asked::Refresh);
    let access = new.access.unwrap();
    assert_eq!(access.token.expose(), "a");
    assert_eq!((access.token_type.as_str(), access.scope.as_deref()), ("DPoP", Some("less")));
    assert_eq!((access.expires_at, access.not_before), (at(43200), Some(noon() - secs(60))));
    assert_eq!(new.refresh_token, replaced("r"));
    assert_eq!(new.refresh_token_expires, Some(at(1000)));
    assert_eq!(new.problem, None);
    assert!(new.json_data.unwrap().expose().contains("DPoP"));
    // The refresh token dies first, so the renewal is half of its life away, less the jitter.
    assert!((at(450)..=at(500)).contains(&refresh_at), "{refresh_at}");
}

#[test]
fn what_an_answer_does_not_say_is_taken_from_the_standard_and_the_row() {
    let (new, refresh_at) =
        stored(&json!({"access_token": "a", "expires_in": 43200}), Asked::Refresh);
    let access = new.access.unwrap();
    // RFC 6749, 5.1: an omitted scope is the one that was asked for.
    assert_eq!((access.token_type.as_str(), access.scope.as_deref()), ("Bearer", Some("read")));
    assert_eq!(access.not_before, None);
    assert!((at(43200 - 3600 - 360)..=at(43200 - 3600)).contains(&refresh_at), "{refresh_at}");
}

#[test]
fn a_refresh_without_a_new_refresh_token_keeps_the_old_one_and_its_end() {
    let (new, _) = stored(&json!({"access_token": "a", "expires_in": 60}), Asked::Refresh);
    assert_eq!(new.refresh_token, RefreshTokenChange::Keep);
    assert_eq!(new.refresh_token_expires, Some(at(86400)));
    let told = json!({"access_token": "a", "expires_in": 60, "refresh_expires_in": 500});
    let (new, _) = stored(&told, Asked::Refresh);
    assert_eq!(
        (new.refresh_token, new.refresh_token_expires),
        (RefreshTokenChange::Keep, Some(at(500)))
    );
}

#[test]
fn a_login_without_a_refresh_token_clears_the_dead_one() {
    let told = json!({"access_token": "a", "expires_in": 60, "refresh_expires_in": 500});
    for body in [json!({"access_token": "a", "expires_in": 60}), told] {
        let (new, _) = stored(&body, Asked::Login);
        assert_eq!(
            (new.refresh_token, new.refresh_token_expires),
            (RefreshTokenChange::Clear, None)
        );
    }
}

#[test]
fn a_new_refresh_token_does_not_inherit_the_old_ones_end() {
    for asked in [Asked::Login, Asked::Refresh] {
        let (new, _) = stored(&json!({"access_token": "a", "refresh_token": "r"}), asked);
        assert_eq!((new.refresh_token, new.refresh_token_expires), (replaced("r"), None));
        // The same one again is no rotation, but it is in force.
        let (new, _) = stored(&json!({"access_token": "a", "refresh_token": "stored"}), asked);
        assert_eq!(new.refresh_token, replaced("stored"));
    }
}

#[test]
fn the_refresh_tokens_end_is_counted_from_the_sending_before_the_answers_own_time_is_believed() {
    let quartile = |refresh: Value| {
        let body = json!({"authorization": {"token": "a", "expires_in": 60}, "refresh": refresh});
        let answer = Answer::read(Shape::Quartile, body.to_string().as_bytes()).unwrap();
        let config = with_login(NO_WINDOW);
        new_tokens(&claimed(), &answer, None, (Asked::Refresh, noon()), &config)
            .0
            .refresh_token_expires
    };
    let both = json!({"token": "r", "expires_in": 1000, "expires_at": "2026-01-02T12:00:00"});
    assert_eq!(quartile(both), Some(at(1000)));
    assert_eq!(
        quartile(json!({"token": "r", "expires_at": "2026-01-02T12:00:00"})),
        Some(at(86400))
    );
    // No news of a token that was just made.
    assert_eq!(quartile(json!({"token": "r", "expires_at": "2025-12-31T12:00:00"})), None);
    assert_eq!(quartile(json!({"token": "r", "expires_in": 0})), None);
    assert_eq!(quartile(json!({"token": "r", "expires_in": 1e18})), Some(clock::latest()));
}

#[test]
fn no_lifetime_however_absurd_makes_the_row_due_at_once() {
    let absurd = [
        json!(0),
        json!(-1),
        json!("0"),
        json!(null),
        json!(1e18),
        json!("x"),
        json!(0.001),
        json!(1),
    ];
    for value in absurd {
        let (new, due) = stored(&json!({"access_token": "a", "expires_in": value}), Asked::Refresh);
        assert!(due >= at(30), "{value}: {due}");
        assert!(new.access.unwrap().expires_at <= clock::latest());
    }
    let (new, due) = stored(&json!({"access_token": "a"}), Asked::Refresh);
    assert_eq!(new.access.unwrap().expires_at, at(300));
    assert!((at(135)..=at(150)).contains(&due), "{due}");
}

#[test]
fn a_partial_answer_stores_its_refresh_token_alone_and_is_retried_soon() {
    for body in [
        json!({"refresh_token": "r", "refresh_token_expires_in": 500}),
        json!({"access_token": "a b", "refresh_token": "r", "refresh_token_expires_in": 500}),
        json!({"access_token": "usable", "refresh_token": "r", "refresh_token_expires_in": 500}),
    ] {
        let problem = Some("the answer was damaged".to_owned());
        let config = with_login(NO_WINDOW);
        let asked = (Asked::Refresh, noon());
        let (new, due) = new_tokens(&claimed(), &answer(&body), problem.clone(), asked, &config);
        assert!(new.access.is_none());
        assert_eq!((new.refresh_token, new.refresh_token_expires), (replaced("r"), Some(at(500))));
        assert_eq!((new.problem, due), (problem.clone(), at(30)));
        let failing = changed(|row| row.token.failures = 3);
        let (_, due) = new_tokens(&failing, &answer(&body), problem, asked, &config);
        assert_eq!(due, at(240));
    }
}

#[test]
fn what_is_to_be_stored_does_not_print() {
    let body = json!({"access_token": "canary-a", "refresh_token": "canary-r", "x": "canary-x"});
    let shown = format!("{:?}", stored(&body, Asked::Login));
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn a_row_is_never_due_sooner_than_the_minimum_gap_nor_after_its_token(
        life in prop_oneof![10u64..200_000, any::<u64>()],
        refresh_life in proptest::option::of(1u64..2_000_000),
        name in "[a-z]{1,20}",
    ) {
        let mut body = json!({"access_token": "a", "expires_in": life, "refresh_token": "r"});
        if let Some(life) = refresh_life {
            body["refresh_token_expires_in"] = json!(life);
        }
        let row = changed(|row| row.token.name = name.parse().unwrap());
        let config = with_login(NO_WINDOW);
        let (new, due) = new_tokens(&row, &answer(&body), None, (Asked::Refresh, noon()), &config);
        let end = new.access.unwrap().expires_at;
        prop_assert!(due >= clock::after(noon(), secs(30).min(clock::until(noon(), end) * 2 / 5)));
        prop_assert!(due < end || life < 10, "{} {}", due, end);
    }

    #[test]
    fn no_answer_makes_it_panic(
        body in collection::btree_map("[a-z_]{1,20}", any::<f64>().prop_map(Value::from), 0..6),
        words in prop::sample::subsequence(
            vec!["expires_in", "expires_at", "not_before", "refresh_expires_in"], 0..4,
        ),
        number in any::<f64>(), row in any_claimed(), now in any_instant(), config in any_config(),
    ) {
        let mut fields: serde_json::Map<String, Value> = body.into_iter().collect();
        fields.extend(words.into_iter().map(|word| (word.to_owned(), json!(number))));
        fields.insert("access_token".to_owned(), json!("a"));
        for asked in [Asked::Login, Asked::Refresh] {
            let answer = answer(&Value::Object(fields.clone()));
            let (new, due) = new_tokens(&row, &answer, None, (asked, now), &config);
            prop_assert!(due >= now && due <= clock::latest());
            prop_assert!(new.access.unwrap().expires_at > now || now == clock::latest());
        }
    }
}
