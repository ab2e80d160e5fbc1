//! Answers that bring nothing, and no answer at all.

use super::*;

#[test]
fn what_was_not_sent_is_not_sent() {
    for asked in BOTH {
        for shape in SHAPES {
            let failed = failed(asked, shape, Reply::NotSent("h:1 cannot be reached".to_owned()));
            assert_eq!(
                (failed.class, failed.message.as_str()),
                (Class::NotSent, "h:1 cannot be reached")
            );
        }
    }
}

#[test]
fn no_answer_or_one_that_says_nothing_is_uncertain() {
    for asked in BOTH {
        for shape in SHAPES {
            assert_eq!(class(asked, shape, Reply::Lost("reset".to_owned())), "uncertain");
            for status in [408, 425, 500, 501, 502, 503, 504, 520, 599] {
                for body in ["", "<html>oops</html>", r#"{"error":"invalid_grant"}"#] {
                    assert_eq!(
                        class(asked, shape, answered(status, body)),
                        "uncertain",
                        "{status} {body}"
                    );
                }
            }
            for body in [
                "",
                "<html>log in</html>",
                "{",
                "null",
                "[]",
                "{}",
                "OK",
                r#"{"token":"#,
                "\u{feff}",
            ] {
                for status in [200, 201, 204] {
                    assert_eq!(class(asked, shape, answered(status, body)), "uncertain", "{body}");
                }
            }
        }
    }
    assert_eq!(standard(200, r#"{"access_token":"a b"}"#), ("uncertain", "uncertain"));
    assert_eq!(standard(400, r#"{"error":"server_error"}"#), ("uncertain", "uncertain"));
}

#[test]
fn a_page_with_a_link_is_no_answer_of_the_provider() {
    let page = "<html><a href=\"/login?next=1&error=login_required\">log in</a></html>";
    assert_eq!(standard(200, page), ("uncertain", "uncertain"));
    let page = "<html><a href=\"/x?next=1&access_token=a\">x</a></html>";
    assert_eq!(standard(200, page), ("uncertain", "uncertain"));
}

#[test]
fn a_provider_that_asks_for_patience_is_heard() {
    let cases = [
        ("120", Some(secs(120))),
        (" 120 ", Some(secs(120))),
        ("0", Some(Duration::ZERO)),
        ("315360000", Some(secs(315_360_000))),
        ("99999999999999999999999999", Some(Duration::MAX)),
        ("Thu, 01 Jan 2026 12:02:00 GMT", Some(secs(120))),
        ("Thursday, 01-Jan-26 12:02:00 GMT", Some(secs(120))),
        ("Thu Jan  1 12:02:00 2026", Some(secs(120))),
        ("Thu, 01 Jan 2026 11:00:00 GMT", Some(Duration::ZERO)),
        ("Tue, 01 Jan 2036 12:00:00 GMT", Some(secs(3652 * 86400))),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("5 s", None),
        ("٣", None),
        ("Thu, 99 Foo 2026 12:02:00 GMT", None),
    ];
    for asked in BOTH {
        for shape in SHAPES {
            for (text, expected) in cases {
                let judged = failed(asked, shape, told_to_wait(429, text));
                assert_eq!((judged.class, judged.told), (Class::Throttled, expected), "{text}");
                let judged = failed(asked, shape, told_to_wait(503, text));
                let class = if expected.is_some() { Class::Throttled } else { Class::Uncertain };
                assert_eq!((judged.class, judged.told), (class, expected), "{text}");
            }
            assert_eq!(class(asked, shape, answered(429, "")), "throttled");
        }
        for code in ["temporarily_unavailable", "slow_down", "rate_limited"] {
            let body = format!(r#"{{"error":"{code}"}}"#);
            assert_eq!(standard(400, &body), ("throttled", "throttled"));
        }
    }
}

#[test]
fn the_wait_told_with_a_named_error_is_heard_too() {
    let reply = reply(400, Some("120"), None, r#"{"error":"slow_down"}"#);
    let judged = failed(Asked::Refresh, Shape::Rfc6749, reply);
    assert_eq!((judged.class, judged.told), (Class::Throttled, Some(secs(120))));
}

#[test]
fn a_dead_refresh_token_is_rejected_and_refused_credentials_stop_the_logins() {
    for code in ["invalid_grant", "Invalid_Grant"] {
        for status in [200, 400, 401, 403] {
            let body = format!(r#"{{"error":"{code}","error_description":"d"}}"#);
            assert_eq!(standard(status, &body), ("login_refused", "rejected"), "{status}");
            assert_eq!(quartile(status, &body), ("login_refused", "rejected"), "{status}");
        }
    }
    assert_eq!(standard(400, "error=invalid_grant"), ("login_refused", "rejected"));
    assert_eq!(
        standard(400, r#"{"error":{"code":"invalid_grant"}}"#),
        ("login_refused", "rejected")
    );
    for code in ["invalid_token", "expired_token"] {
        assert_eq!(standard(401, &format!(r#"{{"error":"{code}"}}"#)).1, "rejected");
    }
    // The Quartile API names no errors.
    for status in [401, 403] {
        for body in ["", r#"{"status":401,"message":"no"}"#, "<html>no</html>"] {
            assert_eq!(quartile(status, body), ("login_refused", "rejected"));
        }
    }
}

#[test]
fn a_wrong_password_stops_the_logins_in_every_dialect_seen() {
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"invalid_request"}"#),
        (403, ""),
        (400, ""),
        (401, ""),
        (401, "<html>no</html>"),
        (401, r#"{"error":"wrong_password"}"#),
        (403, r#"{"error":"access_denied"}"#),
        (400, r#"{"error":"locked out, call us"}"#),
    ] {
        assert_eq!(standard(status, body).0, "login_refused", "{status} {body}");
        assert_eq!(quartile(status, body).0, "login_refused", "{status} {body}");
    }
}

#[test]
fn what_only_a_change_of_the_configuration_mends_is_misconfigured() {
    for code in ["invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"]
    {
        for status in [200, 400, 401, 403] {
            let body = format!(r#"{{"error":"{code}"}}"#);
            assert_eq!(
                standard(status, &body),
                ("misconfigured", "misconfigured"),
                "{status} {code}"
            );
        }
    }
    // A wrong client secret, as one server answers it; on a refresh nothing else was presented first.
    assert_eq!(standard(403, "").1, "misconfigured");
    assert_eq!(standard(401, "").1, "misconfigured");
    for status in [404, 405, 410, 415, 418, 451] {
        assert_eq!(standard(status, "<html>"), ("misconfigured", "misconfigured"), "{status}");
        assert_eq!(quartile(status, "<html>"), ("misconfigured", "misconfigured"), "{status}");
    }
    assert_eq!(standard(400, r#"{"error":"invalid_request"}"#).1, "misconfigured");
}

#[test]
fn a_redirect_is_refused_and_names_the_host_only() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        for asked in BOTH {
            let body = r#"{"access_token":"canary-a","refresh_token":"canary-r"}"#;
            let reply = reply(status, None, Some("elsewhere.test:8443"), body);
            let judged = failed(asked, Shape::Rfc6749, reply);
            assert_eq!(judged.class, Class::Misconfigured);
            assert!(judged.message.contains("elsewhere.test:8443"), "{}", judged.message);
            assert!(judged.message.contains("configure the final URL"), "{}", judged.message);
            assert!(!judged.message.contains("canary"), "{}", judged.message);
        }
        assert_eq!(standard(status, ""), ("misconfigured", "misconfigured"));
    }
}
