//! "What a consumer gets", sentence by sentence.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{clock, secret::Secret, token::Stored};

const NOW_MILLIS: i64 = 1_800_000_000_000;

fn now() -> DateTime<Utc> {
    clock::from_millis(NOW_MILLIS)
}

/// `now` and `seconds` more or less.
fn in_seconds(seconds: i64) -> DateTime<Utc> {
    clock::from_millis(NOW_MILLIS + seconds * 1000)
}

/// A token of 12 h with an hour left, nobody at it.
fn token() -> Token {
    Token {
        state: State::Ok,
        generation: 4,
        access_token: Some(Stored(Secret::new("t"))),
        token_type: "Bearer".into(),
        access_token_expires: Some(in_seconds(3600)),
        last_success_at: Some(in_seconds(-11 * 3600)),
        ..Token::enrolled(Uuid::nil(), "quartile".parse().unwrap(), "quartile", now())
    }
}

fn updating(lease_ends_in: i64) -> Token {
    Token { updating: true, lease_until: Some(in_seconds(lease_ends_in)), ..token() }
}

fn judge(token: &Token) -> Verdict {
    verdict(token, now(), Wish::default())
}

#[test]
fn a_token_nobody_is_at_is_handed_out() {
    assert_eq!(judge(&token()), Verdict::Token(None));
}

#[test]
fn while_a_worker_is_at_it_the_consumer_waits_for_the_lease_at_most() {
    assert_eq!(judge(&updating(40)), Verdict::Wait(in_seconds(40)));
}

#[test]
fn a_lapsed_lease_means_that_nobody_is_updating() {
    assert_eq!(judge(&updating(0)), Verdict::Token(None));
    assert_eq!(judge(&updating(-1)), Verdict::Token(None));
    assert_eq!(judge(&Token { lease_until: None, ..updating(0) }), Verdict::Token(None));
}

#[test]
fn a_caller_may_have_the_valid_token_at_once_while_it_is_updated() {
    let wish = Wish { while_updating: WhileUpdating::Serve, ..Wish::default() };
    let at_once = Verdict::Token(Some(Warning::Updating));
    assert_eq!(verdict(&updating(40), now(), wish), at_once);
    let dead = Token { access_token_expires: Some(in_seconds(-1)), ..updating(40) };
    assert_eq!(verdict(&dead, now(), wish), Verdict::Wait(in_seconds(40)));
}

#[test]
fn who_has_waited_long_enough_gets_the_valid_token_with_a_warning() {
    let judged = verdict_without_waiting(&updating(40), now(), Wish::default());
    assert_eq!(judged, Verdict::Token(Some(Warning::Updating)));
    let dead = Token { access_token_expires: Some(in_seconds(-1)), ..updating(40) };
    let judged = verdict_without_waiting(&dead, now(), Wish::default());
    assert_eq!(judged, Verdict::Refused(Refusal::StillUpdating));
}

#[test]
fn a_token_that_still_works_is_never_withheld() {
    for (row, warning) in [
        (Token { state: State::NeedsLogin, ..token() }, Warning::NeedsLogin),
        (Token { state: State::Disabled, ..token() }, Warning::Disabled),
        (Token { failures: 9, ..token() }, Warning::RefreshFailed),
        (Token { access_token_expires: Some(in_seconds(1)), ..token() }, Warning::ExpiresSoon),
    ] {
        assert_eq!(judge(&row), Verdict::Token(Some(warning)));
    }
}

#[test]
fn a_short_lived_token_is_not_called_short_before_its_last_quarter() {
    let made_now = Token {
        access_token_expires: Some(in_seconds(20)),
        last_success_at: Some(now()),
        ..token()
    };
    assert_eq!(judge(&made_now), Verdict::Token(None));
    assert_eq!(
        verdict(&made_now, in_seconds(16), Wish::default()),
        Verdict::Token(Some(Warning::ExpiresSoon))
    );
}

#[test]
fn an_expired_token_is_never_handed_out() {
    for state in [State::Ok, State::NeedsLogin, State::Disabled] {
        let row = Token { state, access_token_expires: Some(now()), ..token() };
        assert_eq!(judge(&row), Verdict::Refused(Refusal::Expired(now())));
    }
}

#[test]
fn without_a_first_answer_there_is_nothing_to_hand_out() {
    let row =
        Token { state: State::New, access_token: None, access_token_expires: None, ..token() };
    assert_eq!(judge(&row), Verdict::Refused(Refusal::NoTokenYet));
}

#[test]
fn not_before_is_honoured_with_a_minute_of_leeway() {
    let starts = |seconds| Token { not_before: Some(in_seconds(seconds)), ..token() };
    assert_eq!(judge(&starts(60)), Verdict::Token(None));
    assert_eq!(judge(&starts(61)), Verdict::Refused(Refusal::NotYetValid(in_seconds(61))));
}

proptest! {
    #[test]
    fn whatever_the_row_says_a_token_is_handed_out_only_while_it_is_valid(
        expires in prop::option::of(-100i64..100), lease in prop::option::of(-100i64..100),
        starts in prop::option::of(-100i64..200), is_updating: bool, present: bool, failures in 0i64..3,
        min_ttl in 0u64..200, serve: bool,
    ) {
        let row = Token {
            access_token: present.then(|| Stored(Secret::new("t"))),
            access_token_expires: expires.map(in_seconds),
            lease_until: lease.map(in_seconds),
            not_before: starts.map(in_seconds),
            updating: is_updating,
            failures,
            ..token()
        };
        let while_updating = if serve { WhileUpdating::Serve } else { WhileUpdating::Wait };
        let wish = Wish { min_ttl: Duration::from_secs(min_ttl), while_updating };
        let handed_out = |verdict| matches!(verdict, Verdict::Token(_));
        let works = present && expires.is_some_and(|end| end > 0) && starts.is_none_or(|start| start <= 60);
        let held = is_updating && lease.is_some_and(|end| end > 0);
        prop_assert_eq!(handed_out(verdict_without_waiting(&row, now(), wish)), works);
        prop_assert_eq!(handed_out(verdict(&row, now(), wish)), works && (!held || serve));
    }
}
