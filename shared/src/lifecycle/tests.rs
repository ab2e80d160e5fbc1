//! The rules of time as tables and as properties.

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn name() -> TokenName {
    "quartile".parse().unwrap()
}

/// How long after it was asked for a token that lives `life` is due, at generation 1.
fn due_after(life: Duration) -> Duration {
    let start = at("2026-01-01T00:00:00Z");
    let due = refresh_at(start, start + life, None, RefreshPolicy::default(), (&name(), 1));
    clock::until(start, due)
}

#[test]
fn the_lead_is_an_hour_or_half_the_life() {
    for (life, expected) in
        [(12 * HOUR, HOUR), (2 * HOUR, HOUR), (HOUR, HOUR / 2), (secs(60), secs(30))]
    {
        assert_eq!(lead(life, REFRESH_BEFORE), expected, "{life:?}");
    }
}

#[test]
fn a_token_is_due_before_it_expires_and_never_after() {
    for (life, lead) in [
        (12 * HOUR, HOUR),
        (HOUR, HOUR / 2),
        (secs(300), secs(150)),
        (secs(60), secs(30)),
        (secs(20), secs(10)),
    ] {
        let due = due_after(life);
        assert!(due <= life - lead, "{life:?} was due after {due:?}");
        assert!(due >= life - lead - lead / 10, "{life:?} was due after {due:?}");
    }
}

#[test]
fn a_token_too_short_to_keep_does_not_loop() {
    for life in [0, 1, 5, 9] {
        assert!(due_after(secs(life)) >= MINIMUM_GAP, "{life} s");
    }
}

#[test]
fn a_row_is_due_when_its_refresh_token_nears_its_end() {
    let start = at("2026-01-01T00:00:00Z");
    let due = |refresh_token_life: Duration| {
        let policy = RefreshPolicy::default();
        let end = Some(start + refresh_token_life);
        clock::until(start, refresh_at(start, start + 30 * DAY, end, policy, (&name(), 1)))
    };
    assert!(due(14 * DAY) <= 14 * DAY - HOUR);
    assert!(due(14 * DAY) > 13 * DAY);
    // A refresh token whose end did not move must not make the row due again and again.
    assert!(due(secs(40)) > 29 * DAY);
}

#[test]
fn jitter_is_the_same_on_every_host_and_differs_between_rows() {
    let other: TokenName = "edfi".parse().unwrap();
    assert_eq!(jitter(HOUR, &name(), 7), jitter(HOUR, &name(), 7));
    assert_ne!(jitter(HOUR, &name(), 7), jitter(HOUR, &name(), 8));
    assert_ne!(jitter(HOUR, &name(), 7), jitter(HOUR, &other, 7));
    // The draw itself is part of the promise: hosts of two versions must agree.
    assert_eq!(jitter(HOUR, &name(), 1).as_secs(), 309);
}

#[test]
fn expiry_takes_the_first_source_that_says_something() {
    let sent = at("2026-01-01T00:00:00Z");
    let (in_an_hour, in_two, in_three) = (sent + HOUR, sent + 2 * HOUR, sent + 3 * HOUR);
    let all =
        ExpiryHints { expires_in: Some(HOUR), expires_at: Some(in_two), jwt_exp: Some(in_three) };
    let configured = RefreshPolicy { default_lifetime: Some(DAY), ..RefreshPolicy::default() };
    let none = RefreshPolicy::default();
    let without_seconds = ExpiryHints { expires_in: None, ..all };
    let jwt_only = ExpiryHints { expires_at: None, ..without_seconds };
    let nothing = ExpiryHints::default();
    for (hints, policy, expected) in [
        (all, none, (in_an_hour, ExpirySource::ExpiresIn)),
        (without_seconds, none, (in_two, ExpirySource::ExpiresAt)),
        (jwt_only, none, (in_three, ExpirySource::Jwt)),
        (nothing, configured, (sent + DAY, ExpirySource::Configured)),
        (nothing, none, (sent + secs(300), ExpirySource::Fallback)),
    ] {
        assert_eq!(expiry(sent, hints, policy), expected);
    }
}

#[test]
fn an_expiry_that_has_passed_already_is_no_news_of_a_fresh_token() {
    let sent = at("2026-01-01T12:00:00Z");
    let hints = ExpiryHints {
        expires_in: Some(Duration::ZERO),
        expires_at: Some(sent - HOUR),
        jwt_exp: Some(sent),
    };
    let expected = (sent + secs(300), ExpirySource::Fallback);
    assert_eq!(expiry(sent, hints, RefreshPolicy::default()), expected);
}

#[test]
fn an_absurd_lifetime_ends_with_the_year_9999() {
    let sent = at("2026-01-01T00:00:00Z");
    let hints = ExpiryHints { expires_in: Some(Duration::MAX), ..ExpiryHints::default() };
    assert_eq!(expiry(sent, hints, RefreshPolicy::default()).0, clock::latest());
}

#[test]
fn retries_double_up_to_five_minutes_or_a_quarter_of_the_life_left() {
    let delays: Vec<u64> = (1..=6).map(|n| retry_delay(n, DAY).as_secs()).collect();
    assert_eq!(delays, [30, 60, 120, 240, 300, 300]);
    assert_eq!(retry_delay(9, secs(80)), secs(20));
    assert_eq!(retry_delay(1, secs(2)), secs(1));
    assert_eq!(retry_delay(u32::MAX, Duration::ZERO), secs(300));
}

#[test]
fn a_provider_that_says_when_is_obeyed_but_one_try_lands_before_the_expiry() {
    let ten_years = 3650 * DAY;
    for (told, valid_for, expected) in [
        (secs(120), HOUR, secs(120)),
        (ten_years, DAY, HOUR),
        (HOUR, secs(600), secs(540)),
        (HOUR, secs(40), secs(20)),
        (HOUR, Duration::ZERO, HOUR),
        (Duration::ZERO, HOUR, secs(1)),
    ] {
        assert_eq!(told_delay(told, valid_for), expected, "{told:?} {valid_for:?}");
    }
}

#[test]
fn the_one_try_with_a_spent_refresh_token_falls_into_the_replay_window_where_there_is_one() {
    assert_eq!(recovery_delay(secs(30), HOUR), secs(1));
    assert_eq!(recovery_delay(Duration::ZERO, HOUR), secs(300));
    assert_eq!(recovery_delay(Duration::ZERO, secs(100)), secs(25));
    assert_eq!(recovery_delay(Duration::ZERO, Duration::ZERO), secs(1));
}

proptest! {
    #[test]
    fn a_row_is_due_between_its_gap_and_its_expiry(
        start in 0i64..253_402_300_799, life in 10u64..4_000_000_000, before in any::<u32>(),
        generation in any::<i64>(),
    ) {
        let obtained = clock::from_millis(start * 1000);
        let expires = clock::after(obtained, secs(life));
        let life = clock::until(obtained, expires);
        prop_assume!(life >= secs(10));
        let policy = RefreshPolicy { refresh_before: secs(before.into()), default_lifetime: None };
        let due = refresh_at(obtained, expires, None, policy, (&name(), generation));
        prop_assert!(due < expires || before == 0);
        prop_assert!(clock::until(obtained, due) >= minimum_gap(life).min(MINIMUM_GAP));
    }

    #[test]
    fn jitter_is_at_most_a_tenth_of_the_lead(lead in any::<u32>(), generation in any::<i64>()) {
        prop_assert!(jitter(secs(lead.into()), &name(), generation) <= secs(lead.into()) / 10);
    }

    #[test]
    fn an_expiry_is_always_ahead(
        start in 0i64..253_402_300_000, life in prop::option::of(any::<u64>()),
        end in prop::option::of(any::<i64>()), exp in prop::option::of(any::<i64>()),
    ) {
        let sent = clock::from_millis(start * 1000);
        let hints = ExpiryHints {
            expires_in: life.map(secs),
            expires_at: end.map(clock::from_millis),
            jwt_exp: exp.map(clock::from_millis),
        };
        let (expires, _) = expiry(sent, hints, RefreshPolicy::default());
        prop_assert!(expires > sent && expires <= clock::latest());
    }

    #[test]
    fn no_delay_is_zero_or_longer_than_its_bound(
        failures in any::<u32>(), valid in any::<u32>(), told in any::<u64>(),
    ) {
        let valid_for = secs(valid.into());
        for delay in [retry_delay(failures, valid_for), recovery_delay(secs(told), valid_for)] {
            prop_assert!(delay >= RETRY_LEAST && delay <= RETRY_CAP);
        }
        let told = told_delay(secs(told), valid_for);
        prop_assert!(told >= RETRY_LEAST && told <= LONGEST_TOLD_DELAY);
    }
}
