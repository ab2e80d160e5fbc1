//! Answers that bring something, whole or in part.

use super::*;

#[test]
fn every_2xx_with_a_usable_access_token_is_ok() {
    for status in [200, 201, 202, 203] {
        assert_eq!(standard(status, r#"{"access_token":"a","refresh_token":"r"}"#), ("ok", "ok"));
        assert_eq!(standard(status, r#"{"access_token":"a"}"#), ("ok", "ok"));
        assert_eq!(standard(status, "access_token=a&expires_in=5"), ("ok", "ok"));
        let nested = r#"{"authorization":{"token":"a"},"refresh":{"token":"r"}}"#;
        assert_eq!(quartile(status, nested), ("ok", "ok"));
        assert_eq!(quartile(status, r#"{"authorization":{"token":"a"}}"#), ("ok", "ok"));
    }
}

#[test]
fn a_token_type_other_than_bearer_is_no_failure() {
    for kind in ["DPoP", "mac", "bearer", "N_A"] {
        let body = format!(r#"{{"access_token":"a","token_type":"{kind}","scope":"less"}}"#);
        assert_eq!(standard(200, &body), ("ok", "ok"));
    }
}

#[test]
fn an_answer_without_error_in_its_error_field_is_ok() {
    for none in ["null", "\"\"", "false"] {
        assert_eq!(
            standard(200, &format!(r#"{{"access_token":"a","error":{none}}}"#)),
            ("ok", "ok")
        );
    }
}

#[test]
fn a_refresh_token_beside_an_unusable_access_token_is_partial() {
    for unusable in [r#""a\r\nb""#, r#""a b""#, r#""a\u0000b""#, r#""ä""#, r#""""#, "null", "5"] {
        let flat = format!(r#"{{"access_token":{unusable},"refresh_token":"r"}}"#);
        assert_eq!(standard(200, &flat), ("partial", "partial"), "{unusable}");
        let nested =
            format!(r#"{{"authorization":{{"token":{unusable}}},"refresh":{{"token":"r"}}}}"#);
        assert_eq!(quartile(201, &nested), ("partial", "partial"), "{unusable}");
    }
    assert_eq!(standard(200, r#"{"refresh_token":"r"}"#), ("partial", "partial"));
    assert_eq!(standard(200, r#"{"refresh_token":"r","access_token":"a"#), ("partial", "partial"));
    assert_eq!(quartile(201, r#"{"refresh":{"token":"r"}"#), ("partial", "partial"));
}

#[test]
fn a_success_with_an_error_in_it_is_an_error() {
    let with_tokens = r#"{"access_token":"a","error":"invalid_client"}"#;
    assert_eq!(standard(200, with_tokens), ("misconfigured", "misconfigured"));
    assert_eq!(standard(200, r#"{"error":"something_else"}"#).1, "misconfigured");
    assert_eq!(standard(200, "error=invalid_grant"), ("login_refused", "rejected"));
}

#[test]
fn the_refresh_token_in_a_success_with_an_error_is_kept() {
    for error in [r#""server_error""#, r#""invalid_scope""#, "5", "{}"] {
        let body = format!(r#"{{"error":{error},"access_token":"a","refresh_token":"r"}}"#);
        assert_eq!(standard(200, &body), ("partial", "partial"), "{error}");
    }
}
