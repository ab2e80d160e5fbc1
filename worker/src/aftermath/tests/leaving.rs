//! What a failure, or a claim given back unused, leaves in the row.

use super::*;

fn after(row: &Claimed, class: Class, asked: Asked, config: &TokenConfig) -> Release {
    let failed = Failed::new(class, "what happened");
    release_after(row, &failed, (asked, &sent(noon())), config, at(30))
}

fn sent(at: DateTime<Utc>) -> Sent {
    Sent { at, login: Some("digest".to_owned()) }
}

fn uncertainty(release: &Release) -> (Option<DateTime<Utc>>, i64) {
    (release.uncertain_since, release.uncertain_tries)
}

/// How long after the end of the exchange the next try comes.
fn delay(release: &Release) -> Duration {
    let next = release.next_attempt_at.unwrap();
    assert_eq!(release.refresh_at, next);
    clock::until(at(30), next)
}

const ALL: [Class; 7] = [
    Class::NotSent,
    Class::Uncertain,
    Class::Throttled,
    Class::Rejected,
    Class::Misconfigured,
    Class::Configuration,
    Class::LoginRefused,
];

#[test]
fn every_failure_is_counted_and_told() {
    let row = changed(|row| row.token.failures = 4);
    for class in ALL {
        for asked in [Asked::Login, Asked::Refresh] {
            let release = after(&row, class, asked, &with_login(NO_WINDOW));
            assert_eq!(release.failures, 5);
            let expected = (class.as_str().to_owned(), "what happened".to_owned());
            assert_eq!(release.error, Some(expected));
        }
    }
}

#[test]
fn what_only_a_human_mends_waits_for_one_and_all_else_comes_back_by_itself() {
    for class in ALL {
        for state in [State::New, State::Ok] {
            let row = changed(|row| row.token.state = state);
            let release = after(&row, class, Asked::Refresh, &with_login(NO_WINDOW));
            if matches!(class, Class::Rejected | Class::LoginRefused) {
                assert_eq!(release.state, State::NeedsLogin);
                assert_eq!((release.refresh_at, release.next_attempt_at), (clock::latest(), None));
            } else {
                assert_eq!(release.state, state, "{class:?}");
                assert!(release.refresh_at > at(30));
                assert_eq!(release.next_attempt_at, Some(release.refresh_at));
            }
        }
    }
}

#[test]
fn a_forced_row_that_fails_once_more_still_waits_for_a_human_and_promises_no_try() {
    // No pass takes up a row in this state, so a next try would be a promise that nobody keeps.
    let row = changed(|row| row.token.state = State::NeedsLogin);
    for class in ALL {
        let release = after(&row, class, Asked::Refresh, &without_login(NO_WINDOW));
        assert_eq!(release.state, State::NeedsLogin);
        assert_eq!(release.next_attempt_at, None, "{class:?}");
    }
}

#[test]
fn only_an_unanswered_refresh_makes_a_row_uncertain() {
    for class in ALL {
        for asked in [Asked::Login, Asked::Refresh] {
            let release = after(&claimed(), class, asked, &with_login(NO_WINDOW));
            let expected = if (class, asked) == (Class::Uncertain, Asked::Refresh) {
                (Some(noon()), 1)
            } else {
                (None, 0)
            };
            assert_eq!(uncertainty(&release), expected, "{class:?} {asked:?}");
        }
    }
}

#[test]
fn uncertainty_is_dated_by_the_first_sending_and_outlives_other_failures() {
    let mut row = uncertain(1);
    row.token.uncertain_since = Some(noon() - secs(500));
    for class in ALL {
        for asked in [Asked::Login, Asked::Refresh] {
            let release = after(&row, class, asked, &with_login(NO_WINDOW));
            let tries = if (class, asked) == (Class::Uncertain, Asked::Refresh) { 2 } else { 1 };
            assert_eq!(
                uncertainty(&release),
                (Some(noon() - secs(500)), tries),
                "{class:?} {asked:?}"
            );
        }
    }
}

#[test]
fn the_delay_doubles_with_each_failure_within_the_life_left() {
    let row = |failures, left: u64| {
        changed(|row| {
            row.token.failures = failures;
            row.token.access_token_expires = Some(at(30 + left));
        })
    };
    let config = with_login(NO_WINDOW);
    for class in [Class::NotSent, Class::Uncertain] {
        for (failures, left, expected) in [
            (0, 3600, 30),
            (1, 3600, 60),
            (2, 3600, 120),
            (3, 3600, 240),
            (4, 3600, 300),
            (i64::MAX, 3600, 300),
            (4, 400, 100),
            (0, 40, 10),
            (0, 2, 1),
            (0, 0, 30),
            (9, 0, 300),
        ] {
            // A login: an unanswered refresh has a rule of its own.
            let release = after(&row(failures, left), class, Asked::Login, &config);
            assert_eq!(delay(&release), secs(expected), "{failures} failures, {left} s left");
        }
    }
}

#[test]
fn the_try_with_a_spent_refresh_token_comes_within_the_replay_window_or_late() {
    let unanswered = |row: &Claimed, config: &TokenConfig| {
        delay(&after(row, Class::Uncertain, Asked::Refresh, config))
    };
    for config in [with_login(WINDOW), without_login(WINDOW)] {
        assert_eq!(unanswered(&claimed(), &config), secs(1));
    }
    for config in [with_login(NO_WINDOW), without_login(NO_WINDOW)] {
        assert_eq!(unanswered(&claimed(), &config), secs(300));
        let short = changed(|row| row.token.access_token_expires = Some(at(130)));
        assert_eq!(unanswered(&short, &config), secs(25));
    }
    // The second time there is nothing left to wait for.
    let mut again = uncertain(1);
    again.token.failures = 1;
    assert_eq!(unanswered(&again, &with_login(NO_WINDOW)), secs(60));
}

#[test]
fn a_provider_is_asked_again_when_it_said_but_once_before_the_token_dies() {
    let row = |left: u64| changed(|row| row.token.access_token_expires = Some(at(30 + left)));
    for (told, left, expected) in [
        (None, 3600, 60),
        (Some(secs(120)), 3600, 120),
        (Some(Duration::ZERO), 3600, 1),
        (Some(secs(315_360_000)), 86400, 3600),
        (Some(Duration::MAX), 0, 3600),
        (Some(secs(1000)), 600, 540),
        (Some(secs(1000)), 100, 50),
        (Some(secs(120)), 0, 120),
    ] {
        let failed = Failed { told, ..Failed::new(Class::Throttled, "m") };
        for asked in [Asked::Login, Asked::Refresh] {
            let config = with_login(NO_WINDOW);
            let release =
                release_after(&row(left), &failed, (asked, &sent(noon())), &config, at(30));
            assert_eq!(delay(&release), secs(expected), "{told:?}, {left} s left");
            assert_eq!((release.state, release.uncertain_tries), (State::Ok, 0));
        }
    }
}

#[test]
fn a_wrong_configuration_is_tried_seldom_but_once_before_the_token_dies() {
    for (left, expected) in [(86400, 900), (0, 900), (300, 240)] {
        let row = changed(|row| row.token.access_token_expires = Some(at(30 + left)));
        for asked in [Asked::Login, Asked::Refresh] {
            let release = after(&row, Class::Misconfigured, asked, &with_login(NO_WINDOW));
            assert_eq!(delay(&release), secs(expected), "{left} s left");
        }
    }
}

#[test]
fn what_this_worker_cannot_read_is_looked_for_again_in_the_next_run() {
    let release = after(&claimed(), Class::Configuration, Asked::Refresh, &with_login(NO_WINDOW));
    assert_eq!((delay(&release), release.state), (secs(1), State::Ok));
}

#[test]
fn a_row_that_only_a_human_can_help_says_why_and_waits() {
    for (tries, expected) in [(0, Class::Rejected), (1, Class::Uncertain), (2, Class::Uncertain)] {
        let mut row = uncertain(tries);
        row.token.failures = 4;
        let (class, release) = release_to_a_human(&row, "why");
        assert_eq!((class, release.state), (expected, State::NeedsLogin));
        assert_eq!((release.refresh_at, release.next_attempt_at), (clock::latest(), None));
        assert_eq!(release.failures, 5);
        assert_eq!(uncertainty(&release), (Some(noon()), tries));
        assert_eq!(release.error, Some((expected.as_str().to_owned(), "why".to_owned())));
    }
}

#[test]
fn a_claim_given_back_unused_leaves_everything_as_it_was() {
    let row = changed(|row| {
        row.token.uncertain_since = Some(noon());
        row.token.uncertain_tries = 1;
        row.token.failures = 3;
        row.token.next_attempt_at = Some(at(9));
        row.token.state = State::New;
    });
    let release = release_unused(&row);
    assert_eq!((release.state, release.failures), (State::New, 3));
    assert_eq!((release.refresh_at, release.next_attempt_at), (noon(), Some(at(9))));
    assert_eq!(uncertainty(&release), (Some(noon()), 1));
    assert_eq!(release.error, None);
}

proptest! {
    #[test]
    fn no_failure_loops_parks_or_loses_the_row(
        row in any_claimed(), config in any_config(), now in any_instant(),
        class in prop::sample::select(ALL.to_vec()), is_login in any::<bool>(),
        told in proptest::option::of(any::<u64>().prop_map(secs)),
    ) {
        let asked = if is_login { Asked::Login } else { Asked::Refresh };
        let failed = Failed { told, ..Failed::new(class, "m") };
        let release = release_after(&row, &failed, (asked, &sent(now)), &config, now);
        let is_uncertain = class == Class::Uncertain && !is_login;
        prop_assert_eq!(release.uncertain_tries, row.token.uncertain_tries + i64::from(is_uncertain));
        prop_assert!(release.failures > row.token.failures || row.token.failures == i64::MAX);
        if let Some(next) = release.next_attempt_at {
            let delay = clock::until(now, next);
            prop_assert!(delay >= secs(1) || next == clock::latest());
            prop_assert!(delay <= secs(3600));
            let left = row.token.valid_for(now);
            prop_assert!(left < secs(2) || delay < left, "{:?} of {:?}", delay, left);
        } else {
            prop_assert_eq!(release.state, State::NeedsLogin);
        }
    }
}
