//! What holds for every answer, valid or not.

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;

/// Any JSON value, with the words of answers among its keys and texts.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(key(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "refresh_token",
        "refresh",
        "token",
        "access_token",
        "authorization",
        "expires_in",
        "error",
        "1e999",
        "NaN",
        "2022-06-10T17:08:48",
        "invalid_grant",
        "Bearer",
        "a.b.c",
    ];
    prop::sample::select(words.map(str::to_owned).to_vec())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        word(),
        prop::sample::select(
            [
                "expiresIn",
                "expires_at",
                "not_before",
                "scope",
                "type",
                "token_type",
                "refresh_expires_in"
            ]
            .map(str::to_owned)
            .to_vec()
        ),
        any::<String>(),
    ]
}

/// A refresh token may be any text; NUL alone cannot be stored.
fn any_token() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~]{1,200}", "[^\\x00]{1,40}"]
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    collection::btree_map(key(), any_json(), 0..8).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in collection::vec(any::<u8>(), 0..600)) {
        for shape in SHAPES {
            if let Some(answer) = Answer::read(shape, &body) {
                let _ = answer.usable_access_token();
            }
        }
    }

    #[test]
    fn no_damage_to_a_valid_answer_makes_it_panic(
        fields in any_object(),
        places in collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
    ) {
        let body = Value::Object(fields);
        let whole = json!({"access_token": "a", "authorization": body, "refresh_token": "r", "refresh": body});
        let mut bytes = whole.to_string().into_bytes();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(length.index(bytes.len()) + 1);
        for shape in SHAPES {
            if let Some(answer) = Answer::read(shape, &bytes) {
                let _ = answer.usable_access_token();
            }
        }
    }

    #[test]
    fn a_refresh_token_is_found_whatever_else_is_in_the_answer(
        others in any_object(), beside in any_object(), token in any_token(), camel in any::<bool>(),
    ) {
        let mut flat = others.clone();
        flat.remove("refresh_token");
        flat.insert(if camel { "refreshToken" } else { "refresh_token" }.to_owned(), json!(token));
        let mut refresh = beside;
        refresh.insert("token".to_owned(), json!(token));
        let mut nested = others;
        nested.insert("refresh".to_owned(), Value::Object(refresh));
        for (shape, fields) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
            let answer = read(shape, &Value::Object(fields));
            prop_assert_eq!(refresh_token(&answer), Some(token.as_str()));
            prop_assert!(!answer.is_salvaged);
        }
    }

    #[test]
    fn what_a_cut_leaves_is_the_whole_refresh_token_or_none(
        token in "[ -~]{1,40}", length in any::<prop::sample::Index>(),
    ) {
        let flat = json!({"access_token": "a-1", "refresh_token": token, "token_type": "Bearer"});
        let nested = json!({"authorization": {"token": "a-1"}, "refresh": {"expires_in": 1, "token": token}});
        for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
            let body = body.to_string();
            let cut = &body.as_bytes()[..length.index(body.len())];
            let saved = Answer::read(shape, cut);
            let saved = saved.as_ref().and_then(refresh_token);
            prop_assert!(saved.is_none_or(|saved| saved == token), "{:?}", saved);
        }
    }

    #[test]
    fn a_usable_access_token_fits_into_a_header(fields in any_object(), token in any::<String>()) {
        let mut fields = fields;
        fields.insert("access_token".to_owned(), json!(token));
        let answer = read(Shape::Rfc6749, &Value::Object(fields));
        if let Some(token) = answer.usable_access_token() {
            prop_assert!(reqwest::header::HeaderValue::from_str(token.expose()).is_ok());
            prop_assert!(!token.expose().contains(char::is_whitespace));
        }
    }

    #[test]
    fn no_number_or_text_leads_out_of_time(value in any_json(), text in any::<String>(), number in any::<f64>()) {
        for value in [value, json!(text), json!(number), json!(number.to_string())] {
            for shape in SHAPES {
                let answer = answer_with(shape, "expires_at", &value);
                prop_assert!(answer.hints.expires_at.is_none_or(|end| end <= clock::latest()));
                let life = answer_with(shape, "expires_in", &value).hints.expires_in;
                let end = clock::after(clock::latest(), life.unwrap_or_default());
                prop_assert_eq!(end, clock::latest());
            }
        }
    }
}
