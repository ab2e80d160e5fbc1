//! Answers that are cut, damaged, doubled or in another encoding, and what is saved from them.

use serde_json::json;

use super::*;

/// Both shapes in two orders of members: JSON promises none.
const WHOLE: [(Shape, &str); 6] = [
    (
        Shape::Rfc6749,
        r#"{"access_token":"a-1","token_type":"Bearer","expires_in":60,"refresh_token":"r-1","scope":"s"}"#,
    ),
    (Shape::Rfc6749, r#"{ "refresh_token" : "r-1" , "access_token" : "a-1" }"#),
    (Shape::Rfc6749, r#"{"accessToken":"a-1","refreshToken":"r-1","scope":"s"}"#),
    (
        Shape::Quartile,
        r#"{"authorization":{"token":"a-1","type":"Bearer","expires_in":60},"refresh":{"token":"r-1","expires_in":60}}"#,
    ),
    (
        Shape::Quartile,
        r#"{"refresh":{"expires_in":60,"token":"r-1"},"authorization":{"type":"Bearer","token":"a-1"}}"#,
    ),
    (
        Shape::Quartile,
        r#"{"refresh": {"expires_in": 60, "token": "r-1"}, "authorization": {"token": "a-1"}}"#,
    ),
];

#[test]
fn a_cut_answer_gives_its_refresh_token_once_its_string_was_closed_and_no_other_text_ever() {
    for (shape, whole) in WHOLE {
        let closed = whole.find("\"r-1\"").unwrap() + "\"r-1\"".len();
        for length in 0..whole.len() {
            let answer = Answer::read(shape, &whole.as_bytes()[..length]);
            let saved = answer.as_ref().and_then(refresh_token);
            assert_eq!(saved, (length >= closed).then_some("r-1"), "{}", &whole[..length]);
            assert!(
                answer.is_none_or(|answer| answer.is_salvaged && answer.access_token.is_none())
            );
        }
        let answer = Answer::read(shape, whole.as_bytes()).unwrap();
        assert!(!answer.is_salvaged);
        assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r-1")));
    }
}

#[test]
fn an_access_token_is_never_taken_for_the_refresh_token_of_a_cut_answer() {
    for cut in [
        r#"{"refresh":null,"authorization":{"token":"a-1","type":"#,
        r#"{"refresh":{},"authorization":{"token":"a-1","type":"#,
        r#"{"refresh":{"expires_in":60},"authorization":{"token":"a-1","#,
        r#"{"refresh":{"note":"the \"token\": none"},"authorization":{"token":"a-1","#,
    ] {
        let answer = Answer::read(Shape::Quartile, cut.as_bytes());
        assert_eq!(answer.as_ref().and_then(refresh_token), None, "{cut}");
    }
}

#[test]
fn another_objects_refresh_token_is_not_taken_for_that_of_a_cut_answer() {
    let flat = r#"{"old":{"refresh_token":"r-0","n":"}{\""},"refresh_token":"r-1","#;
    let nested =
        r#"{"old":{"refresh":{"token":"r-0"}},"refresh":{"x":{"token":"r-0"},"token":"r-1","#;
    for (shape, cut) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let closed = cut.find("\"r-1\"").unwrap() + "\"r-1\"".len();
        for length in 0..=cut.len() {
            let answer = Answer::read(shape, &cut.as_bytes()[..length]);
            let saved = answer.as_ref().and_then(refresh_token);
            assert_eq!(saved, (length >= closed).then_some("r-1"), "{}", &cut[..length]);
        }
    }
}

#[test]
fn a_quote_that_was_lost_does_not_cost_the_refresh_token() {
    let body = r#"{"access_token:"a-1","x":{"y":1},"refresh_token":"r-1","scope":"s"}"#;
    let answer = Answer::read(Shape::Rfc6749, body.as_bytes()).unwrap();
    assert_eq!(refresh_token(&answer), Some("r-1"));
}

#[test]
fn of_doubled_keys_the_last_whole_one_counts_in_a_cut_answer_too() {
    let flat = r#"{"refresh_token":"r-0","refresh_token":"r-1","refresh_token":"r-"#;
    let nested = r#"{"refresh":{"token":"r-0"},"refresh":{"token":"r-1","token":"r-"#;
    for (shape, cut) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let answer = Answer::read(shape, cut.as_bytes()).unwrap();
        assert_eq!(refresh_token(&answer), Some("r-1"), "{cut}");
    }
}

#[test]
fn a_key_that_stands_as_a_value_first_does_not_hide_the_refresh_token_of_a_cut_answer() {
    for (shape, cut) in [
        (Shape::Rfc6749, r#"{"grant_type":"refresh_token","refresh_token":"r-1","scope":"#),
        (Shape::Quartile, r#"{"kind":"refresh","refresh":{"type":"token","token":"r-1","#),
    ] {
        let answer = Answer::read(shape, cut.as_bytes());
        assert_eq!(answer.as_ref().and_then(refresh_token), Some("r-1"), "{cut}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_cost_the_access_token_but_not_the_refresh_token() {
    for (shape, whole) in WHOLE {
        let mut body = whole.as_bytes().to_vec();
        let end = body.len() - 1;
        body.splice(end..end, *b",\"note\":\"\xff\xfe\"");
        let answer = Answer::read(shape, &body).unwrap();
        assert_eq!(refresh_token(&answer), Some("r-1"), "{whole}");
        assert!(answer.is_salvaged);
    }
}

#[test]
fn a_refresh_token_that_was_damaged_itself_is_not_stored_over_the_old_one() {
    let (flat, nested) =
        (&b"{\"refresh_token\":\"r-\xff1\"}"[..], &b"{\"refresh\":{\"token\":\"r-\xff1\"}}"[..]);
    for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let answer = Answer::read(shape, body);
        assert_eq!(answer.as_ref().and_then(refresh_token), None, "{shape:?}");
    }
}

#[test]
fn raw_control_characters_in_one_string_do_not_cost_the_refresh_token() {
    for (shape, body) in [
        (Shape::Rfc6749, "{\"access_token\":\"a\r\nb\",\"refresh_token\":\"r-1\"}"),
        (
            Shape::Quartile,
            "{\"authorization\":{\"token\":\"a\0b\"},\"refresh\":{\"token\":\"r-1\"}}",
        ),
    ] {
        let answer = Answer::read(shape, body.as_bytes()).unwrap();
        assert_eq!((access_token(&answer), refresh_token(&answer)), (None, Some("r-1")));
    }
}

#[test]
fn deep_nesting_does_not_cost_the_refresh_token() {
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for (shape, body) in [
        (Shape::Rfc6749, format!(r#"{{"x":{deep},"access_token":"a-1","refresh_token":"r-1"}}"#)),
        (Shape::Rfc6749, format!(r#"{{"refresh_token":"r-1","x":{deep}}}"#)),
        (Shape::Rfc6749, format!(r#"{{"x":{deep},"refreshToken":"r-1"}}"#)),
        (Shape::Quartile, format!(r#"{{"x":{deep},"refresh":{{"token":"r-1"}}}}"#)),
        (Shape::Quartile, format!(r#"{{"refresh":{{"x":{deep},"token":"r-1"}}}}"#)),
    ] {
        let answer = Answer::read(shape, body.as_bytes());
        assert_eq!(answer.as_ref().and_then(refresh_token), Some("r-1"), "{body:.40}");
    }
    let half = "{\"a\":".repeat(200_000);
    assert!(Answer::read(Shape::Rfc6749, half.as_bytes()).is_none());
}

#[test]
fn a_number_beyond_every_float_does_not_cost_the_refresh_token() {
    let flat = r#"{"access_token":"a-1","expires_in":1e999,"refresh_token":"r-1"}"#;
    let nested = r#"{"authorization":{"expires_in":-1e999},"refresh":{"token":"r-1"}}"#;
    for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let answer = Answer::read(shape, body.as_bytes()).unwrap();
        assert_eq!(refresh_token(&answer), Some("r-1"), "{body}");
    }
}

#[test]
fn of_doubled_keys_the_last_counts() {
    let flat = r#"{"access_token":"a-0","access_token":"a-1","refresh_token":"r-0","refresh_token":"r-1"}"#;
    let nested = r#"{"refresh":{"token":"r-0"},"refresh":{"token":"r-x","token":"r-1"}}"#;
    for (shape, body) in [(Shape::Rfc6749, flat), (Shape::Quartile, nested)] {
        let answer = Answer::read(shape, body.as_bytes()).unwrap();
        assert_eq!(refresh_token(&answer), Some("r-1"), "{body}");
    }
}

#[test]
fn a_byte_order_mark_and_blanks_around_are_no_part_of_an_answer() {
    for (shape, whole) in WHOLE {
        for body in [
            format!("\u{feff}{whole}"),
            format!("\r\n  {whole}\n\n"),
            format!("{whole}{}", " ".repeat(9)),
        ] {
            let answer = Answer::read(shape, body.as_bytes()).unwrap();
            assert_eq!((refresh_token(&answer), answer.is_salvaged), (Some("r-1"), false));
        }
    }
}

#[test]
fn text_after_the_answer_leaves_the_refresh_token() {
    for (shape, whole) in WHOLE {
        for tail in ["<!-- 3 ms -->", "{}", "\0\0"] {
            let answer = Answer::read(shape, format!("{whole}{tail}").as_bytes()).unwrap();
            assert_eq!(refresh_token(&answer), Some("r-1"), "{whole}{tail}");
        }
    }
}

#[test]
fn a_form_encoded_answer_is_read_like_any_other() {
    let plain =
        "access_token=a-1&token_type=bearer&expires_in=3600&refresh_token=r%2B1%3D&scope=a+b";
    for body in [plain.to_owned(), format!("\u{feff}{plain}"), format!("{plain}\n")] {
        let answer = Answer::read(Shape::Rfc6749, body.as_bytes()).unwrap();
        assert_eq!((access_token(&answer), refresh_token(&answer)), (Some("a-1"), Some("r+1=")));
        assert_eq!(answer.hints.expires_in, Some(secs(3600)));
        assert_eq!(answer.token_type.as_deref(), Some("bearer"));
        assert!(!answer.is_salvaged);
    }
    let error =
        Answer::read(Shape::Rfc6749, b"error=invalid_grant&error_description=gone").unwrap();
    assert_eq!(error.error.as_deref(), Some("invalid_grant"));
}

#[test]
fn what_is_no_answer_is_none() {
    let html = "<!DOCTYPE html><html><body><form action=\"/login\">Log in</form></body></html>";
    for body in [
        "",
        " ",
        "null",
        "[]",
        "[{\"refresh_token\":\"r-1\"}]",
        "\"refresh_token\"",
        "5",
        html,
        "OK",
        "a=b&c=d",
    ] {
        for shape in SHAPES {
            let answer = Answer::read(shape, body.as_bytes());
            assert!(answer.as_ref().and_then(access_token).is_none(), "{body}");
            assert!(answer.as_ref().is_none_or(|a| a.is_salvaged), "{body}");
        }
    }
    for body in ["{}", "{\"note\":1}"] {
        let answer = Answer::read(Shape::Rfc6749, body.as_bytes()).unwrap();
        assert_eq!((access_token(&answer), refresh_token(&answer)), (None, None));
    }
}

#[test]
fn a_link_in_a_page_or_in_a_cut_answer_is_no_form() {
    let page =
        "<html><a href=\"/login?next=1&error=login_required&access_token=x\">log in</a></html>";
    assert!(Answer::read(Shape::Rfc6749, page.as_bytes()).is_none(), "a page was read as a form");
    let cut = r#"{"note":"see https://h/?a=1&refresh_token=x","refresh_token":"r-1","scope":"#;
    let answer = Answer::read(Shape::Rfc6749, cut.as_bytes()).unwrap();
    assert_eq!((refresh_token(&answer), answer.is_salvaged), (Some("r-1"), true));
}

#[test]
fn escapes_are_read_and_surrogates_alone_are_not() {
    let answer = read(Shape::Rfc6749, &json!({"refresh_token": "r\"\\/\u{8}\u{1f600}"}));
    assert_eq!(refresh_token(&answer), Some("r\"\\/\u{8}\u{1f600}"));
    let cut = r#"{"refresh_token":"r\"\u00e4","x":"#;
    let answer = Answer::read(Shape::Rfc6749, cut.as_bytes()).unwrap();
    assert_eq!(refresh_token(&answer), Some("r\"ä"));
    assert!(Answer::read(Shape::Rfc6749, br#"{"refresh_token":"\ud800"}"#).is_none());
}
