//! Answers as servers really write them, field by field, in both shapes. Their times, broken ones
//! and arbitrary bytes lie in `tests/`.

mod damaged;
mod properties;
mod times;

use serde_json::json;

use super::*;

const SHAPES: [Shape; 2] = [Shape::Rfc6749, Shape::Quartile];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn read(shape: Shape, body: &Value) -> Answer {
    Answer::read(shape, body.to_string().as_bytes()).unwrap()
}

fn text(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose)
}

fn refresh_token(answer: &Answer) -> Option<&str> {
    text(answer.refresh_token.as_ref())
}

fn access_token(answer: &Answer) -> Option<&str> {
    text(answer.access_token.as_ref())
}

/// An answer with both tokens, and one more field beside the access token.
fn answer_with(shape: Shape, field: &str, value: &Value) -> Answer {
    let body = match shape {
        Shape::Rfc6749 => json!({"access_token": "a-1", "refresh_token": "r-1", field: value}),
        Shape::Quartile => {
            json!({"authorization": {"token": "a-1", field: value}, "refresh": {"token": "r-1"}})
        }
    };
    let answer = read(shape, &body);
    assert_eq!(
        (access_token(&answer), refresh_token(&answer)),
        (Some("a-1"), Some("r-1")),
        "{body}"
    );
    answer
}

#[test]
fn an_answer_of_rfc_6749_is_read_field_by_field() {
    let answer = read(
        Shape::Rfc6749,
        &json!({
            "access_token": "a-1", "token_type": "bearer", "expires_in": 3600,
            "refresh_token": "r-1", "refresh_token_expires_in": 86400, "scope": "read write",
            "not_before": 1_627_058_225, "example_parameter": "example_value",
        }),
    );
    assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r-1")));
    assert_eq!(answer.token_type.as_deref(), Some("bearer"));
    assert_eq!(answer.scope.as_deref(), Some("read write"));
    assert_eq!(answer.hints.expires_in, Some(secs(3600)));
    assert_eq!(answer.refresh_expires_in, Some(secs(86400)));
    assert_eq!(answer.not_before, Some(at("2021-07-23T16:37:05Z")));
    assert_eq!((answer.error.as_deref(), answer.is_salvaged), (None, false));
    assert!(answer.json.unwrap().expose().contains("example_value"));
}

#[test]
fn a_quartile_answer_is_read_field_by_field() {
    let answer = read(
        Shape::Quartile,
        &json!({
            "authorization": {"token": "a-1", "type": "Bearer", "expires_in": 43200,
                "expires_at": "2022-06-10T17:08:48", "not_before": 1_627_058_225, "note": "n"},
            "refresh": {"token": "r-1", "expires_in": 1_209_600,
                "expires_at": "2022-06-24T17:08:48", "note": "n"},
        }),
    );
    assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r-1")));
    assert_eq!(answer.token_type.as_deref(), Some("Bearer"));
    assert_eq!(answer.hints.expires_in, Some(secs(43200)));
    assert_eq!(answer.hints.expires_at, Some(at("2022-06-10T17:08:48Z")));
    assert_eq!(answer.refresh_expires_in, Some(secs(1_209_600)));
    assert_eq!(answer.refresh_expires_at, Some(at("2022-06-24T17:08:48Z")));
    assert_eq!(answer.not_before, Some(at("2021-07-23T16:37:05Z")));
}

#[test]
fn snake_case_and_camel_case_say_the_same() {
    let quartile = json!({
        "authorization": {"token": "a-1", "type": "Bearer", "expiresIn": 43200,
            "expiresAt": "2022-06-10T17:08:48", "notBefore": 1_627_058_225},
        "refresh": {"token": "r-1", "expiresIn": 1_209_600, "expiresAt": "2022-06-24T17:08:48"},
    });
    let answer = read(Shape::Quartile, &quartile);
    assert_eq!(answer.hints.expires_in, Some(secs(43200)));
    assert_eq!(answer.hints.expires_at, Some(at("2022-06-10T17:08:48Z")));
    assert_eq!(answer.not_before, Some(at("2021-07-23T16:37:05Z")));
    assert_eq!(answer.refresh_expires_in, Some(secs(1_209_600)));
    assert_eq!(answer.refresh_expires_at, Some(at("2022-06-24T17:08:48Z")));
    let flat = json!({
        "accessToken": "a-1", "tokenType": "Bearer", "expiresIn": 60, "refreshToken": "r-1",
    });
    let answer = read(Shape::Rfc6749, &flat);
    assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r-1")));
    assert_eq!(
        (answer.token_type.as_deref(), answer.hints.expires_in),
        (Some("Bearer"), Some(secs(60)))
    );
}

#[test]
fn a_null_in_one_spelling_does_not_hide_the_other() {
    let body = json!({
        "access_token": null, "accessToken": "a-1", "refresh_token": null, "refreshToken": "r-1",
        "expires_in": null, "expiresIn": 60,
    });
    let answer = read(Shape::Rfc6749, &body);
    assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r-1")));
    assert_eq!(answer.hints.expires_in, Some(secs(60)));
}

#[test]
fn a_scope_is_one_string_or_a_list_of_words() {
    let cases = [
        (json!("read write"), Some("read write")),
        (json!(["read", "write"]), Some("read write")),
        (json!(["read", 5, "", null, "write"]), Some("read write")),
        (json!([]), None),
        (json!(""), None),
        (json!({"read": true}), None),
        (json!(7), None),
    ];
    for (value, expected) in cases {
        let answer = answer_with(Shape::Rfc6749, "scope", &value);
        assert_eq!(answer.scope.as_deref(), expected, "{value}");
    }
}

#[test]
fn words_that_no_database_column_takes_are_left_out() {
    // A TEXT of MySQL ends at 64 KiB; refused there, the whole answer is lost.
    let long = "s".repeat(70_000);
    for (what, bad) in [
        ("NUL", "a\0b"),
        ("line end", "a\r\nb"),
        ("escape", "\u{1b}[31m"),
        ("70 kB", long.as_str()),
    ] {
        let answer = answer_with(Shape::Rfc6749, "token_type", &json!(bad));
        assert!(answer.token_type.is_none(), "token_type with {what}");
        let answer = answer_with(Shape::Quartile, "type", &json!(bad));
        assert!(answer.token_type.is_none(), "type with {what}");
        let answer = answer_with(Shape::Rfc6749, "scope", &json!(bad));
        assert!(answer.scope.is_none(), "scope with {what}");
    }
}

#[test]
fn an_access_token_that_no_header_can_carry_is_not_usable_and_the_refresh_token_is_kept() {
    let long = "t".repeat(64 * 1024);
    for good in ["t", "a.b-c_d~e+f/g==", "!\"#$%&'()*,:;<=>?@[\\]^`{|}", long.as_str()] {
        let answer = read(Shape::Rfc6749, &json!({"access_token": good}));
        assert_eq!(text(answer.usable_access_token()), Some(good));
    }
    let bad =
        ["a\r\nX-Evil: 1", "a\rb", "a\nb", "a\0b", "a b", " a", "a\t", "ä", "a\u{7f}", "\u{202e}"];
    for bad in bad {
        let flat = json!({"access_token": bad, "refresh_token": bad.replace('\0', "")});
        let nested =
            json!({"authorization": {"token": bad}, "refresh": {"token": bad.replace('\0', "")}});
        for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
            let answer = read(shape, &body);
            assert_eq!(access_token(&answer), Some(bad));
            assert_eq!(answer.usable_access_token(), None, "{bad:?}");
            assert_eq!(refresh_token(&answer), Some(bad.replace('\0', "").as_str()), "{bad:?}");
        }
    }
}

#[test]
fn what_is_no_text_or_empty_is_no_token() {
    for nothing in [json!(""), json!(null), json!(5), json!(["t"]), json!({"token": "t"})] {
        let flat = json!({"access_token": nothing, "refresh_token": nothing});
        let nested = json!({"authorization": {"token": nothing}, "refresh": {"token": nothing}});
        for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
            let answer = read(shape, &body);
            assert_eq!((access_token(&answer), refresh_token(&answer)), (None, None), "{body}");
        }
    }
    let other_kinds = [json!({"authorization": [], "refresh": "r-1"}), json!({"refresh": null})];
    for body in other_kinds {
        let answer = read(Shape::Quartile, &body);
        assert_eq!((access_token(&answer), refresh_token(&answer)), (None, None), "{body}");
    }
}

#[test]
fn an_error_is_a_code_of_few_characters() {
    let long = "e".repeat(65);
    let cases = [
        (json!("invalid_grant"), Some("invalid_grant")),
        (json!("Invalid_Grant"), Some("invalid_grant")),
        (json!({"code": "invalid_grant", "message": "m"}), Some("invalid_grant")),
        (json!({"code": 400}), Some("unnamed")),
        (json!({}), Some("unnamed")),
        (json!(["invalid_grant"]), Some("unnamed")),
        (json!(true), Some("unnamed")),
        (json!("the token abc is dead"), Some("unnamed")),
        (json!("a\r\nb"), Some("unnamed")),
        (json!(long), Some("unnamed")),
        (json!(""), None),
        (json!(null), None),
        (json!(false), None),
    ];
    for shape in SHAPES {
        for (value, expected) in &cases {
            let answer = read(shape, &json!({"error": value, "error_description": "d"}));
            assert_eq!(answer.error.as_deref(), *expected, "{value}");
        }
    }
}

#[test]
fn an_error_that_could_be_a_token_is_not_repeated() {
    for echoed in ["canary-rt-9f8e7d6c", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "9f8e7d6c5b4a39281706"] {
        let answer = read(Shape::Rfc6749, &json!({"error": echoed}));
        assert_eq!(answer.error.as_deref(), Some("unnamed"), "{echoed}");
    }
}

#[test]
fn a_read_answer_does_not_print_what_it_holds() {
    let flat =
        json!({"access_token": "canary-a", "refresh_token": "canary-r", "id_token": "canary-i"});
    let nested = json!({"authorization": {"token": "canary-a"}, "refresh": {"token": "canary-r"}});
    for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let answer = read(shape, &body);
        assert!(answer.json.is_some());
        let shown = format!("{answer:?} {answer:#?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
