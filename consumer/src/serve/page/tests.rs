//! The page says what is, and nothing of it is taken for markup.

use chrono::TimeZone;
use tokenkeeper_shared::{
    seal::{Column, Place, Seal},
    secret::Secret,
};
use uuid::Uuid;

use super::*;

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 4, 12, 0, 0).unwrap()
}

fn token() -> Token {
    let (now, name) = (noon(), "edfi".parse().unwrap());
    let place = Place { table: "tokens", row: "edfi", column: Column::AccessToken };
    let stored = Seal::Off.seal(place, &Secret::new("canary-token")).unwrap();
    Token {
        state: State::Ok,
        generation: 7,
        access_token: Some(stored),
        token_type: "Bearer".to_owned(),
        access_token_expires: Some(clock::after(now, Duration::from_secs(3 * 3600 + 125))),
        refresh_at: clock::after(now, Duration::from_secs(3600)),
        last_success_at: Some(clock::before(now, Duration::from_secs(60))),
        ..Token::enrolled(Uuid::nil(), name, "example", now)
    }
}

fn event(outcome: &str, hours_ago: u64) -> Event {
    Event {
        name: "edfi".parse().unwrap(),
        at: clock::before(noon(), Duration::from_secs(hours_ago * 3600)),
        worker: "w".to_owned(),
        attempt: Uuid::nil(),
        action: "refresh".to_owned(),
        outcome: outcome.to_owned(),
        generation: 7,
        duration: Duration::from_secs(1),
        message: None,
    }
}

fn shown(token: Token, events: Vec<Event>) -> String {
    render(&[Entry { token, events }], noon(), None)
}

#[test]
fn a_token_is_told_in_words() {
    let page = shown(token(), vec![event("ok", 1), event("uncertain", 30), event("ok", 200)]);
    for told in
        ["edfi", ">works<", "in 3h 2m", "in 1h", "1m ago", "2026-05-04T15:02:05Z", "<td>7<td>"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(page.contains("1 renewals and 1 failures in seven days"), "{page}");
    assert_eq!(page.matches("<rect").count(), 2, "what is older than a week is not shown");
    assert!(!page.contains("canary"), "{page}");
}

#[test]
fn each_state_has_words_of_its_own() {
    let states = |change: fn(&mut Token)| {
        let mut token = token();
        change(&mut token);
        state(&token, noon()).1
    };
    let words = [
        states(|_| {}),
        states(|token| token.failures = 1),
        states(|token| token.access_token_expires = Some(noon())),
        states(|token| token.state = State::NeedsLogin),
        states(|token| {
            token.state = State::NeedsLogin;
            token.access_token_expires = Some(noon());
        }),
        states(|token| token.state = State::Disabled),
        states(|token| token.state = State::New),
        states(|token| {
            token.updating = true;
            token.lease_until = Some(clock::after(noon(), Duration::from_secs(1)));
        }),
    ];
    let distinct: std::collections::BTreeSet<_> = words.iter().collect();
    assert_eq!(distinct.len(), words.len(), "{words:?}");
}

#[test]
fn what_comes_from_outside_is_never_markup() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title></svg><script>",
        "&lt;b&gt;",
        "\u{0}<b>\u{202e}",
    ] {
        let failed = Token {
            failures: 3,
            last_error: Some(hostile.to_owned()),
            next_attempt_at: Some(noon()),
            ..token()
        };
        let page = shown(failed, vec![event(hostile, 1)]);
        let plain = shown(
            Token {
                failures: 3,
                last_error: Some("x".into()),
                next_attempt_at: Some(noon()),
                ..token()
            },
            vec![event("x", 1)],
        );
        assert!(!page.contains(hostile), "{page}");
        for sign in ['<', '>', '"', '\''] {
            assert_eq!(page.matches(sign).count(), plain.matches(sign).count(), "{sign}: {page}");
        }
        assert_eq!(escaped(hostile).matches("&amp;").count(), hostile.matches('&').count());
    }
    assert!(render(&[], noon(), None).contains("no token"));
}
