//! The fenced write of an answer.

use chrono::{DateTime, Utc};

use tokenkeeper_shared::clock;
use tokenkeeper_shared::store::{Commit, LEASE, Release};
use tokenkeeper_shared::token::State;

use crate::ground::{Ground, on_each};
use crate::keeping::{
    HOUR, access_token, answer, claimed, committed, enrolled, failure, kept, later, noon, partial,
    refresh_token, row,
};

#[test]
fn a_commit_stores_the_answer_under_the_next_generation() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let mut new = answer("access-2", "refresh-2", later(HOUR));
        new.refresh_token_expires = Some(later(1000 * HOUR));
        new.access.as_mut().unwrap().not_before = Some(later(HOUR));
        assert_eq!(committed(&store, &claim, new, later(HOUR)).await, Commit::Stored(2));

        let token = row(&store, "quartile").await;
        assert_eq!((token.state, token.generation), (State::Ok, 2));
        assert_eq!(access_token(&store, &token).unwrap(), "access-2");
        assert_eq!(token.access_token_expires, Some(later(13 * HOUR)));
        assert_eq!(token.refresh_token_expires, Some(later(1000 * HOUR)));
        assert_eq!(token.not_before, Some(later(HOUR)));
        assert_eq!(token.refresh_at, later(12 * HOUR));
        assert_eq!(token.last_success_at, Some(later(HOUR)));
        assert_eq!(token.token_type, "Bearer");
        assert_eq!(token.scope.as_deref(), Some("read"));
        let next = claimed(&store, "quartile", later(2 * HOUR)).await;
        assert_eq!(refresh_token(&next).unwrap(), "refresh-2");
    });
}

#[test]
fn an_answer_to_a_claim_that_was_overtaken_is_fenced_and_changes_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let old = claimed(&store, "quartile", later(HOUR)).await;
        let lapsed = clock::after(later(HOUR), LEASE);
        let new = claimed(&store, "quartile", lapsed).await;
        let won = answer("access-won", "refresh-won", lapsed);
        assert_eq!(committed(&store, &new, won, lapsed).await, Commit::Stored(2));
        let before = ground.row_text("quartile").await;
        for lost in [answer("access-lost", "refresh-lost", lapsed), partial("refresh-lost")] {
            let commit = committed(&store, &old, lost, later(2 * HOUR)).await;
            assert_eq!(commit, Commit::Fenced);
        }
        assert_eq!(ground.row_text("quartile").await, before);
    });
}

#[test]
fn a_commit_whose_acknowledgement_was_lost_is_known_again() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let news = [answer("access-2", "refresh-2", later(HOUR)), partial("refresh-3")];
        for (new, generation) in news.into_iter().zip(2..) {
            let claim = claimed(&store, "quartile", later(HOUR)).await;
            let prepared = store.prepare(&claim, &new, later(2 * HOUR), later(HOUR)).unwrap();
            let first = store.commit(&prepared, later(HOUR)).await.unwrap();
            let before = ground.row_text("quartile").await;
            let again = store.commit(&prepared, later(HOUR + 1)).await.unwrap();
            assert_eq!([first, again], [Commit::Stored(generation); 2]);
            assert_eq!(ground.row_text("quartile").await, before);
        }
    });
}

#[test]
fn another_answer_to_a_committed_claim_is_not_taken_for_it() {
    on_each(async |ground| {
        for store in [ground.store().await, ground.store_in_clear().await] {
            let name = format!("row-{}", store.page(None, 10).await.unwrap().len());
            kept(&store, &name, noon()).await;
            let claim = claimed(&store, &name, later(HOUR)).await;
            let first = answer("access-2", "refresh-2", later(HOUR));
            let second = answer("access-2", "refresh-3", later(HOUR));
            assert_eq!(committed(&store, &claim, first, later(HOUR)).await, Commit::Stored(2));
            assert_eq!(committed(&store, &claim, second, later(HOUR)).await, Commit::Fenced);
        }
    });
}

#[test]
fn a_commit_leaves_nothing_of_the_attempt_and_of_earlier_failures() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let release = Release {
            failures: 3,
            uncertain_since: Some(later(HOUR)),
            uncertain_tries: 1,
            ..failure(later(HOUR))
        };
        store.release(&claim, &release, later(HOUR)).await.unwrap();
        claimed(&store, "quartile", later(2 * HOUR)).await;
        // The lease has lapsed: one more doubt.
        let claim = claimed(&store, "quartile", later(3 * HOUR)).await;
        assert_eq!((claim.token.failures, claim.token.uncertain_tries), (3, 2));
        let new = answer("access-2", "refresh-2", later(3 * HOUR));
        committed(&store, &claim, new, later(3 * HOUR)).await;

        let token = row(&store, "quartile").await;
        assert!(!token.updating && token.lease_until.is_none());
        assert_eq!((token.failures, token.uncertain_tries), (0, 0));
        assert!(token.uncertain_since.is_none() && token.next_attempt_at.is_none());
        assert!(token.last_error_class.is_none() && token.last_error.is_none());
        assert!(token.last_error_at.is_none());
        let marks = "SELECT COUNT(*) FROM tokens WHERE attempt_id IS NOT NULL";
        assert_eq!(ground.cell(marks).await.unwrap(), "0");
    });
}

#[test]
fn a_row_remembers_when_it_was_made_and_when_it_last_changed() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        assert_eq!(made_and_changed(&ground).await, [noon(), noon()]);
        let claim = claimed(&store, "quartile", later(60)).await;
        assert_eq!(made_and_changed(&ground).await, [noon(), later(60)]);
        committed(&store, &claim, answer("access-1", "refresh-1", later(61)), later(61)).await;
        assert_eq!(made_and_changed(&ground).await, [noon(), later(61)]);
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        store.release(&claim, &failure(later(HOUR)), later(HOUR + 1)).await.unwrap();
        assert_eq!(made_and_changed(&ground).await, [noon(), later(HOUR + 1)]);
    });
}

#[test]
fn a_row_that_was_disabled_meanwhile_gets_its_tokens_and_stays_disabled() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        ground.run("UPDATE tokens SET state = 'disabled'").await;
        let new = answer("access-2", "refresh-2", later(HOUR));
        assert_eq!(committed(&store, &claim, new, later(HOUR)).await, Commit::Stored(2));
        let token = row(&store, "quartile").await;
        assert_eq!(access_token(&store, &token).unwrap(), "access-2");
        assert_eq!(token.state, State::Disabled);
    });
}

async fn made_and_changed(ground: &Ground) -> [DateTime<Utc>; 2] {
    let found = ground.rows("SELECT created_at, updated_at FROM tokens").await.remove(0);
    let instant = |text: &Option<String>| text.as_ref().unwrap().parse().map(clock::from_millis);
    [instant(&found[0]).unwrap(), instant(&found[1]).unwrap()]
}

#[test]
fn a_late_answer_does_not_take_back_a_login_that_others_have_tried_meanwhile() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let late = claimed(&store, "quartile", later(HOUR)).await;
        let lapsed = clock::after(later(HOUR), LEASE);
        let other = claimed(&store, "quartile", lapsed).await;
        let tried = Release { last_login_at: Some(lapsed), ..failure(lapsed) };
        assert!(store.release(&other, &tried, lapsed).await.unwrap());
        let new = answer("access-2", "refresh-2", later(HOUR));
        assert_eq!(committed(&store, &late, new, lapsed).await, Commit::Stored(2));
        assert_eq!(row(&store, "quartile").await.last_login_at, Some(lapsed));
    });
}
