//! Every row of what to do, of what a failure leaves, and of what an answer stores.

mod leaving;
mod storing;

use proptest::prelude::*;
use tokenkeeper_shared::{
    seal::{Column, Place, Seal},
    settings::SecretRef,
};
use url::Url;
use uuid::Uuid;

use super::*;
use crate::provider::{
    Provider, Transport,
    oauth2::{ClientAuth, Grant, OAuth2},
    quartile::Quartile,
};

fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many seconds after noon.
fn at(seconds: u64) -> DateTime<Utc> {
    clock::after(noon(), secs(seconds))
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn config(provider: Provider, replay_window: Duration) -> TokenConfig {
    TokenConfig { policy: lifecycle::RefreshPolicy::default(), replay_window, provider }
}

/// A provider with credentials.
fn with_login(replay_window: Duration) -> TokenConfig {
    let url = Url::parse("https://provider.test/auth/v2").unwrap();
    config(Provider::Quartile(Quartile::new(url, env("K"), env("U"), env("P"))), replay_window)
}

/// A provider whose first refresh token a human got elsewhere.
fn without_login(replay_window: Duration) -> TokenConfig {
    let oauth2 = OAuth2 {
        token_url: Url::parse("https://provider.test/token").unwrap(),
        grant: Grant::RefreshToken { first: env("F") },
        client_id: tokenkeeper_shared::settings::TextOrRef::Text("id".to_owned()),
        client_secret: None,
        client_auth: ClientAuth::Basic,
        parameters: std::collections::BTreeMap::new(),
        transport: Transport::default(),
    };
    config(Provider::OAuth2(oauth2), replay_window)
}

/// A row in good health, claimed at noon, an hour before its token dies.
fn claimed() -> Claimed {
    let token = Token {
        state: State::Ok,
        generation: 7,
        token_type: "Bearer".to_owned(),
        scope: Some("read".to_owned()),
        access_token_expires: Some(at(3600)),
        refresh_token_expires: Some(at(86400)),
        updating: true,
        worker: Some("w".to_owned()),
        lease_until: Some(at(60)),
        last_success_at: Some(noon() - secs(3600)),
        ..Token::enrolled(Uuid::nil(), "quartile".parse().unwrap(), "quartile", noon())
    };
    let refresh_token = Some(Secret::new("stored"));
    Claimed { token, attempt: Uuid::nil(), refresh_token, forced: false }
}

fn changed(change: impl FnOnce(&mut Claimed)) -> Claimed {
    let mut claimed = claimed();
    change(&mut claimed);
    claimed
}

fn refresh(token: &str) -> Plan {
    Plan::Take(Step::Refresh(Secret::new(token)))
}

fn first() -> Secret {
    Secret::new("first")
}

const LOGIN: Plan = Plan::Take(Step::Login);
const NO_WINDOW: Duration = Duration::ZERO;
const WINDOW: Duration = Duration::from_secs(20);

#[test]
fn a_stored_refresh_token_is_spent() {
    let row = claimed();
    assert_eq!(plan(&row, &with_login(NO_WINDOW), None, noon()), refresh("stored"));
    assert_eq!(plan(&row, &without_login(NO_WINDOW), Some(first()), noon()), refresh("stored"));
}

#[test]
fn without_one_the_credentials_or_the_configured_first_one_are_used() {
    let new = changed(|row| {
        row.refresh_token = None;
        row.token.state = State::New;
        row.token.refresh_token_expires = None;
    });
    assert_eq!(plan(&new, &with_login(NO_WINDOW), None, noon()), LOGIN);
    assert_eq!(plan(&new, &without_login(NO_WINDOW), Some(first()), noon()), refresh("first"));
    let Plan::GiveUp(why) = plan(&new, &without_login(NO_WINDOW), None, noon()) else {
        panic!("nothing could be done")
    };
    assert!(why.contains("no refresh token and no credentials"), "{why}");
}

#[test]
fn a_refresh_token_that_has_expired_gives_way_to_a_login_where_there_is_one() {
    for (end, is_dead) in [(noon(), true), (noon() - secs(1), true), (at(1), false)] {
        let row = changed(|row| row.token.refresh_token_expires = Some(end));
        let expected = if is_dead { LOGIN } else { refresh("stored") };
        assert_eq!(plan(&row, &with_login(NO_WINDOW), None, noon()), expected);
        // The provider's word on its own clock; without credentials the try costs nothing.
        assert_eq!(plan(&row, &without_login(NO_WINDOW), Some(first()), noon()), refresh("stored"));
    }
    let unknown = changed(|row| row.token.refresh_token_expires = None);
    assert_eq!(plan(&unknown, &with_login(NO_WINDOW), None, noon()), refresh("stored"));
}

/// A row whose refresh token was spent without an answer so many times, the first time at noon.
fn uncertain(tries: i64) -> Claimed {
    changed(|row| {
        row.token.uncertain_since = Some(noon());
        row.token.uncertain_tries = tries;
    })
}

#[test]
fn a_refresh_token_that_may_be_spent_gets_one_try_and_then_a_login() {
    let config = with_login(NO_WINDOW);
    for later in [0, 60, 86_000] {
        assert_eq!(plan(&uncertain(1), &config, None, at(later)), refresh("stored"));
        assert_eq!(plan(&uncertain(2), &config, None, at(later)), LOGIN);
        assert_eq!(plan(&uncertain(9), &config, None, at(later)), LOGIN);
    }
}

#[test]
fn outside_the_replay_window_a_login_comes_before_a_spent_refresh_token() {
    for (later, expected) in
        [(0, refresh("stored")), (20, refresh("stored")), (21, LOGIN), (3600, LOGIN)]
    {
        assert_eq!(
            plan(&uncertain(1), &with_login(WINDOW), None, at(later)),
            expected,
            "{later} s"
        );
    }
    // Without credentials a refusal costs nothing more than silence.
    assert_eq!(
        plan(&uncertain(1), &without_login(WINDOW), Some(first()), at(3600)),
        refresh("stored")
    );
    assert_eq!(plan(&uncertain(2), &with_login(WINDOW), None, at(1)), LOGIN);
}

/// A claim of a row that was left `updating` by a worker that died a minute ago.
fn left_by_the_dead() -> Claimed {
    let place = Place { table: "tokens", row: "quartile", column: Column::AccessToken };
    changed(|row| {
        row.token.access_token = Seal::Off.seal(place, &Secret::new("access")).ok();
        row.token.uncertain_since = Some(noon() - LEASE);
        row.token.uncertain_tries = 1;
    })
}

#[test]
fn a_dead_workers_journal_comes_before_the_last_try_where_a_replay_would_kill_the_grant() {
    let row = left_by_the_dead();
    // A quarter of the hour that the token still lives is more than five minutes.
    let later = Plan::Wait(at(300));
    assert_eq!(plan(&row, &without_login(NO_WINDOW), None, noon()), later);
    for config in [with_login(NO_WINDOW), without_login(WINDOW)] {
        assert_eq!(plan(&row, &config, None, noon()), refresh("stored"));
    }
    let exceptions: [fn(&mut Claimed); 4] = [
        |row| row.token.last_error_at = Some(noon() - secs(1)),
        |row| row.forced = true,
        |row| row.token.access_token_expires = Some(noon()),
        |row| row.token.uncertain_since = Some(noon() - LEASE - secs(300)),
    ];
    for exception in exceptions {
        let mut row = left_by_the_dead();
        exception(&mut row);
        assert_eq!(plan(&row, &without_login(NO_WINDOW), None, noon()), refresh("stored"));
    }
}

#[test]
fn after_the_one_try_and_without_credentials_the_row_is_given_up() {
    for window in [NO_WINDOW, WINDOW] {
        for configured in [None, Some(first())] {
            let plan = plan(&uncertain(2), &without_login(window), configured, at(5));
            let Plan::GiveUp(why) = plan else { panic!("{plan:?}") };
            assert!(why.contains("may have been spent without an answer"), "{why}");
        }
    }
}

/// A row that waits for a human, because of a failure of this class, and was forced by one.
fn forced(tries: i64, class: Class) -> Claimed {
    let mut row = uncertain(tries);
    row.token.state = State::NeedsLogin;
    row.token.last_error_class = Some(class.as_str().to_owned());
    row
}

#[test]
fn a_human_who_forces_a_row_has_its_stored_refresh_token_tried_first() {
    let config = without_login(NO_WINDOW);
    for class in [Class::Uncertain, Class::NotSent, Class::LoginRefused] {
        for tries in [0, 1, 2] {
            for configured in [None, Some(first())] {
                let plan = plan(&forced(tries, class), &config, configured, at(5));
                assert_eq!(plan, refresh("stored"), "{class:?} {tries}");
            }
        }
    }
    let config = with_login(NO_WINDOW);
    for (tries, expected) in [(0, refresh("stored")), (1, refresh("stored")), (2, LOGIN)] {
        let row = forced(tries, Class::LoginRefused);
        assert_eq!(plan(&row, &config, None, at(5)), expected, "{tries}");
    }
}

#[test]
fn a_human_who_forces_a_row_whose_refresh_token_was_rejected_has_the_configured_one_tried() {
    let config = without_login(NO_WINDOW);
    for tries in [0, 1, 2] {
        let row = forced(tries, Class::Rejected);
        assert_eq!(plan(&row, &config, Some(first()), at(5)), refresh("first"));
        assert_eq!(plan(&row, &config, None, at(5)), refresh("stored"));
    }
}

#[test]
fn a_human_who_forces_a_row_without_a_refresh_token_gets_what_there_is() {
    let mut row = forced(0, Class::Rejected);
    row.refresh_token = None;
    assert_eq!(plan(&row, &with_login(NO_WINDOW), None, noon()), LOGIN);
    let config = without_login(NO_WINDOW);
    assert_eq!(plan(&row, &config, Some(first()), noon()), refresh("first"));
    assert!(matches!(plan(&row, &config, None, noon()), Plan::GiveUp(_)));
}

#[test]
fn the_configured_refresh_token_is_looked_up_only_where_it_may_be_needed() {
    assert!(!may_need_first_token(&claimed()));
    assert!(!may_need_first_token(&uncertain(2)));
    assert!(may_need_first_token(&changed(|row| row.refresh_token = None)));
    assert!(may_need_first_token(&forced(0, Class::Rejected)));
}

#[test]
fn the_configured_first_refresh_token_never_comes_before_the_stored_one() {
    for state in [State::New, State::Ok] {
        for tries in [0, 1] {
            let mut row = uncertain(tries);
            row.token.state = state;
            assert_eq!(
                plan(&row, &without_login(NO_WINDOW), Some(first()), at(5)),
                refresh("stored")
            );
        }
    }
}

#[test]
fn a_plan_does_not_print_its_refresh_token() {
    assert!(!format!("{:?}", refresh("canary")).contains("canary"));
}

#[test]
fn only_what_spends_neither_a_refresh_token_nor_a_login_twice_is_tried_again_in_the_same_pass() {
    let cases = [
        (Class::NotSent, Asked::Refresh, NO_WINDOW, true),
        (Class::NotSent, Asked::Login, NO_WINDOW, true),
        (Class::Uncertain, Asked::Login, NO_WINDOW, false),
        (Class::Uncertain, Asked::Login, WINDOW, false),
        (Class::Uncertain, Asked::Refresh, WINDOW, true),
        (Class::Uncertain, Asked::Refresh, NO_WINDOW, false),
    ];
    for (class, asked, window, expected) in cases {
        let may = may_retry_in_pass(&Failed::new(class, "m"), asked, window);
        assert_eq!(may, expected, "{class:?} {asked:?} {window:?}");
    }
    for class in [
        Class::Throttled,
        Class::Rejected,
        Class::Misconfigured,
        Class::Configuration,
        Class::LoginRefused,
    ] {
        for asked in [Asked::Login, Asked::Refresh] {
            for window in [NO_WINDOW, WINDOW] {
                assert!(!may_retry_in_pass(&Failed::new(class, "m"), asked, window), "{class:?}");
            }
        }
    }
}

fn any_state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![State::New, State::Ok, State::NeedsLogin])
}

fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![any::<i64>().prop_map(clock::from_millis), (0u64..200_000).prop_map(at),]
}

prop_compose! {
    /// Rows as they can lie in the database, sensible or not.
    fn any_claimed()(
        state in any_state(),
        expires in proptest::option::of(any_instant()),
        refresh_expires in proptest::option::of(any_instant()),
        since in proptest::option::of(any_instant()),
        (tries, failures) in (0i64..5, prop_oneof![0i64..50, Just(i64::MAX)]),
        has_refresh_token in any::<bool>(),
    ) -> Claimed {
        changed(|row| {
            row.token.state = state;
            row.token.access_token_expires = expires;
            row.token.refresh_token_expires = refresh_expires;
            row.token.uncertain_since = since;
            row.token.uncertain_tries = tries;
            row.token.failures = failures;
            row.refresh_token = row.refresh_token.take().filter(|_| has_refresh_token);
        })
    }
}

fn any_config() -> impl Strategy<Value = TokenConfig> {
    (any::<bool>(), prop::sample::select(vec![NO_WINDOW, WINDOW, Duration::MAX])).prop_map(
        |(login, window)| {
            if login { with_login(window) } else { without_login(window) }
        },
    )
}

proptest! {
    #[test]
    fn a_refresh_token_tried_twice_without_an_answer_is_spent_no_more_unless_a_human_asks(
        row in any_claimed(), config in any_config(), now in any_instant(), has_first in any::<bool>(),
    ) {
        let plan = plan(&row, &config, has_first.then(first), now);
        if !may_need_first_token(&row) {
            prop_assert_ne!(plan.clone(), refresh("first"));
        }
        if row.token.uncertain_tries >= 2 && row.token.state != State::NeedsLogin {
            prop_assert_ne!(plan.clone(), refresh("stored"));
            prop_assert_ne!(plan.clone(), refresh("first"));
        }
        if config.provider.can_login() {
            prop_assert!(matches!(plan, Plan::Take(_)));
        } else {
            prop_assert_ne!(plan, LOGIN);
        }
    }
}
