//! Lifetimes and instants as servers write them, and the end that a JWT tells itself.

use serde_json::json;

use super::*;

#[test]
fn a_lifetime_is_read_however_it_is_written_and_nonsense_says_nothing() {
    let cases = [
        (json!(3600), Some(secs(3600))),
        (json!("3600"), Some(secs(3600))),
        (json!(" 3600 "), Some(secs(3600))),
        (json!(3600.0), Some(secs(3600))),
        (json!("3600.5"), Some(Duration::from_millis(3_600_500))),
        (json!(0.5), Some(Duration::from_millis(500))),
        (json!(1e18), Some(Duration::from_secs(1_000_000_000_000_000_000))),
        (json!(1e300), Some(Duration::MAX)),
        (json!("1e400"), Some(Duration::MAX)),
        // Milliseconds cannot be told from a long life: they are taken at their word.
        (json!(43_200_000), Some(secs(43_200_000))),
        (json!(0), None),
        (json!("0"), None),
        (json!(-0.0), None),
        (json!(-1), None),
        (json!("-1"), None),
        (json!(-1e300), None),
        (json!("NaN"), None),
        (json!("an hour"), None),
        (json!(""), None),
        (json!(null), None),
        (json!(true), None),
        (json!([3600]), None),
        (json!({"seconds": 3600}), None),
    ];
    for shape in SHAPES {
        for (value, expected) in &cases {
            for field in ["expires_in", "expiresIn"] {
                let answer = answer_with(shape, field, value);
                assert_eq!(answer.hints.expires_in, *expected, "{shape:?} {field} {value}");
            }
        }
        assert_eq!(answer_with(shape, "other", &json!(1)).hints, ExpiryHints::default());
    }
}

#[test]
fn a_time_without_zone_is_utc_and_a_zone_counts() {
    let cases = [
        (json!("2022-06-10T17:08:48"), Some("2022-06-10T17:08:48Z")),
        (json!("2022-06-10 17:08:48"), Some("2022-06-10T17:08:48Z")),
        (json!("2022-06-10T17:08:48.123456"), Some("2022-06-10T17:08:48.123Z")),
        (json!(" 2022-06-10T17:08:48Z "), Some("2022-06-10T17:08:48Z")),
        (json!("2022-06-10T17:08:48+09:00"), Some("2022-06-10T08:08:48Z")),
        (json!("2022-06-10T17:08:48-03:00"), Some("2022-06-10T20:08:48Z")),
        (json!(1_654_880_928), Some("2022-06-10T17:08:48Z")),
        (json!("1654880928"), Some("2022-06-10T17:08:48Z")),
        (json!(1_654_880_928_000_i64), Some("2022-06-10T17:08:48Z")),
        (json!(1_654_880_928.25), Some("2022-06-10T17:08:48.250Z")),
        (json!(1e18), Some("9999-12-31T23:59:59.999Z")),
        (json!(1e300), Some("9999-12-31T23:59:59.999Z")),
        (json!("9999-12-31T23:59:59-12:00"), Some("9999-12-31T23:59:59.999Z")),
        (json!("0001-01-01T00:00:00"), Some("1970-01-01T00:00:00Z")),
        (json!(0), None),
        (json!(-5), None),
        (json!("2022-06-10"), None),
        (json!("2022-13-45T99:99:99"), None),
        (json!("Fri Jun 10 17:08:48 2022"), None),
        (json!("soon"), None),
        (json!(null), None),
        (json!([1_654_880_928]), None),
    ];
    for shape in SHAPES {
        for (value, expected) in &cases {
            for field in ["expires_at", "expiresAt"] {
                let answer = answer_with(shape, field, value);
                assert_eq!(answer.hints.expires_at, expected.map(at), "{shape:?} {field} {value}");
            }
            let answer = answer_with(shape, "not_before", value);
            assert_eq!(answer.not_before, expected.map(at), "{shape:?} {value}");
        }
    }
}

#[test]
fn the_refresh_tokens_own_end_is_read_in_the_words_of_several_servers() {
    for field in ["refresh_token_expires_in", "refresh_expires_in"] {
        for (value, expected) in [
            (json!(1800), Some(secs(1800))),
            (json!("1800"), Some(secs(1800))),
            // Keycloak's offline tokens: never.
            (json!(0), None),
        ] {
            let answer = answer_with(Shape::Rfc6749, field, &value);
            assert_eq!(answer.refresh_expires_in, expected, "{field} {value}");
        }
    }
}

fn jwt(payload: &str) -> String {
    format!(
        "{}.{}.c2ln",
        BASE64_URL_SAFE_NO_PAD.encode("{}"),
        BASE64_URL_SAFE_NO_PAD.encode(payload)
    )
}

#[test]
fn a_jwt_says_itself_when_it_ends() {
    let end = Some(at("2022-06-10T17:08:48Z"));
    let padded = format!("e30.{}=.c2ln", BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp":1654880928}"#));
    let cases = [
        (jwt(r#"{"exp":1654880928}"#), end),
        (jwt(r#"{"exp":1654880928.0,"iss":"x"}"#), end),
        (jwt(r#"{"exp":"1654880928"}"#), end),
        (jwt(r#"{"exp":1654880928000}"#), end),
        (padded, end),
        (jwt(r#"{"exp":1e18}"#), None),
        (jwt(r#"{"exp":-1}"#), None),
        (jwt(r#"{"exp":null}"#), None),
        (jwt("{}"), None),
        (jwt("[1654880928]"), None),
        (jwt(&"[".repeat(5000)), None),
        ("not.base64!.c2ln".to_owned(), None),
        ("e30.e30".to_owned(), None),
        ("..".to_owned(), None),
        ("opaque".to_owned(), None),
    ];
    for (token, expected) in cases {
        let answer = read(Shape::Rfc6749, &json!({"access_token": token}));
        assert_eq!(answer.hints.jwt_exp, expected, "{token}");
        let answer = read(Shape::Quartile, &json!({"authorization": {"token": token}}));
        assert_eq!(answer.hints.jwt_exp, expected, "{token}");
    }
}
