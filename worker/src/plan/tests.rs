//! Every row of what to do.

use proptest::prelude::*;
use tokenkeeper_shared::seal::{Column, Place, Seal};

use super::{stage::*, *};

fn refresh(token: &str) -> Plan {
    Plan::Take(Step::Refresh(Secret::new(token)))
}

fn first() -> Secret {
    Secret::new("first")
}

const LOGIN: Plan = Plan::Take(Step::Login);

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
