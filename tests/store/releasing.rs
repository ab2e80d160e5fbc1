//! The end of an attempt that failed.

use tokenkeeper_shared::clock;
use tokenkeeper_shared::store::{LEASE, Release};
use tokenkeeper_shared::token::State;

use crate::ground::on_each;
use crate::keeping::{
    HOUR, access_token, answer, claimed, committed, failure, kept, later, noon, refresh_token, row,
};

#[test]
fn a_release_sets_what_it_says_and_ends_the_update() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let release = Release {
            state: State::NeedsLogin,
            refresh_at: clock::latest(),
            next_attempt_at: None,
            failures: 4,
            uncertain_since: Some(later(HOUR)),
            uncertain_tries: 2,
            last_login_at: Some(later(HOUR + 2)),
            refused_login: Some("digest".to_owned()),
            error: Some(("rejected".to_owned(), "invalid_grant".to_owned())),
        };
        assert!(store.release(&claim, &release, later(HOUR + 5)).await.unwrap());

        let token = row(&store, "quartile").await;
        assert!(!token.updating && token.lease_until.is_none());
        assert_eq!((token.state, token.generation), (State::NeedsLogin, 1));
        assert_eq!(token.refresh_at, clock::latest());
        assert_eq!((token.failures, token.next_attempt_at), (4, None));
        assert_eq!((token.uncertain_since, token.uncertain_tries), (Some(later(HOUR)), 2));
        assert_eq!(token.last_error_class.as_deref(), Some("rejected"));
        assert_eq!(token.last_error.as_deref(), Some("invalid_grant"));
        assert_eq!(token.last_error_at, Some(later(HOUR + 5)));
        assert_eq!(token.last_success_at, Some(noon()));
        assert_eq!(access_token(&store, &token).unwrap(), "access-1-quartile");
    });
}

#[test]
fn a_released_row_can_be_claimed_at_once_without_doubt() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        store.release(&claim, &failure(later(HOUR)), later(HOUR)).await.unwrap();
        let next = claimed(&store, "quartile", later(HOUR)).await;
        assert_eq!((next.token.uncertain_since, next.token.uncertain_tries), (None, 0));
        assert_eq!(next.token.next_attempt_at, Some(later(HOUR + 30)));
        assert_eq!(refresh_token(&next).unwrap(), "refresh-1-quartile");
        assert_ne!(next.attempt, claim.attempt);
    });
}

#[test]
fn a_release_without_an_error_leaves_the_last_one_standing() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        store.release(&claim, &failure(later(HOUR)), later(HOUR)).await.unwrap();
        let claim = claimed(&store, "quartile", later(2 * HOUR)).await;
        let unused = Release { error: None, ..failure(later(2 * HOUR)) };
        assert!(store.release(&claim, &unused, later(2 * HOUR)).await.unwrap());
        let token = row(&store, "quartile").await;
        assert_eq!(token.last_error_class.as_deref(), Some("not_sent"));
        assert_eq!(token.last_error.as_deref(), Some("connection refused"));
        assert_eq!(token.last_error_at, Some(later(HOUR)));
    });
}

#[test]
fn only_the_attempt_that_holds_the_row_releases_it() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let old = claimed(&store, "quartile", later(HOUR)).await;
        let lapsed = clock::after(later(HOUR), LEASE);
        let new = claimed(&store, "quartile", lapsed).await;
        let before = ground.row_text("quartile").await;
        assert!(!store.release(&old, &failure(lapsed), lapsed).await.unwrap());
        assert_eq!(ground.row_text("quartile").await, before);
        assert!(store.release(&new, &failure(lapsed), lapsed).await.unwrap());
        assert!(!store.release(&new, &failure(lapsed), lapsed).await.unwrap(), "twice");
    });
}

#[test]
fn a_release_after_the_commit_changes_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-2", "refresh-2", later(HOUR));
        committed(&store, &claim, new, later(HOUR)).await;
        let before = ground.row_text("quartile").await;
        let now = later(HOUR + 1);
        assert!(!store.release(&claim, &failure(now), now).await.unwrap());
        assert_eq!(ground.row_text("quartile").await, before);
    });
}

#[test]
fn a_row_that_was_disabled_meanwhile_stays_disabled() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        ground.run("UPDATE tokens SET state = 'disabled'").await;
        assert!(store.release(&claim, &failure(later(HOUR)), later(HOUR)).await.unwrap());
        let token = row(&store, "quartile").await;
        assert_eq!((token.state, token.updating), (State::Disabled, false));
    });
}

#[test]
fn a_message_that_a_database_cannot_hold_does_not_keep_the_row() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        for message in ["a NUL \0".to_owned(), "long ".repeat(20_000)] {
            let claim = claimed(&store, "quartile", later(HOUR)).await;
            let error = Some(("uncertain".to_owned(), message));
            let release = Release { error, ..failure(later(HOUR)) };
            assert!(store.release(&claim, &release, later(HOUR)).await.unwrap());
        }
    });
}
