//! What the kinds of answers leave of the tokens stored before. The fence is in `committing`.

use tokenkeeper_shared::clock;
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{Commit, Release};
use tokenkeeper_shared::token::{RefreshTokenChange, State};

use crate::ground::{Ground, on_each};
use crate::keeping::{
    HOUR, access_token, answer, claimed, committed, enrolled, failure, kept, later, noon, partial,
    refresh_token, row,
};

#[test]
fn a_replaced_refresh_token_is_kept_as_the_previous_one() {
    on_each(async |ground| {
        let replaced = RefreshTokenChange::Replace(Secret::new("refresh-2"));
        assert_eq!(
            refresh_tokens_after(&ground, replaced).await,
            [Some("refresh-2"), Some("refresh-1-quartile")].map(|text| text.map(str::to_owned))
        );
    });
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_stored_one_in_force() {
    on_each(async |ground| {
        let [current, _] = refresh_tokens_after(&ground, RefreshTokenChange::Keep).await;
        assert_eq!(current.as_deref(), Some("refresh-1-quartile"));
    });
}

#[test]
fn a_login_without_a_refresh_token_clears_the_stored_one_into_the_previous() {
    on_each(async |ground| {
        let [current, previous] = refresh_tokens_after(&ground, RefreshTokenChange::Clear).await;
        assert_eq!(current, None);
        assert_eq!(previous.as_deref(), Some("refresh-1-quartile"));
    });
}

#[test]
fn a_refresh_token_replaced_by_itself_stays_as_it_is() {
    on_each(async |ground| {
        let same = RefreshTokenChange::Replace(Secret::new("refresh-1-quartile"));
        let [current, _] = refresh_tokens_after(&ground, same).await;
        assert_eq!(current.as_deref(), Some("refresh-1-quartile"));
    });
}

#[test]
fn a_partial_answer_keeps_the_old_access_token_and_says_what_was_wrong() {
    on_each(async |ground| {
        let store = ground.store().await;
        let old = kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let prepared =
            store.prepare(&claim, &partial("refresh-2"), later(HOUR + 30), later(HOUR)).unwrap();
        assert_eq!(store.commit(&prepared, later(HOUR)).await.unwrap(), Commit::Stored(2));

        let token = row(&store, "quartile").await;
        assert_eq!(access_token(&store, &token).unwrap(), "access-1-quartile");
        assert_eq!(token.access_token_expires, old.access_token_expires);
        assert_eq!(token.scope, old.scope);
        assert_eq!(token.token_type, old.token_type);
        assert_eq!(token.last_success_at, old.last_success_at);
        assert_eq!((token.state, token.generation, token.failures), (State::Ok, 2, 1));
        assert_eq!(token.last_error_class.as_deref(), Some("partial"));
        assert_eq!(token.last_error.as_deref(), Some("the access token holds a blank"));
        assert_eq!(token.last_error_at, Some(later(HOUR)));
        assert_eq!(token.next_attempt_at, Some(later(HOUR + 30)));
        assert!(!token.updating && token.lease_until.is_none());
        let next = claimed(&store, "quartile", later(2 * HOUR)).await;
        assert_eq!(refresh_token(&next).unwrap(), "refresh-2");
    });
}

#[test]
fn a_partial_first_answer_leaves_a_new_row_that_is_tried_again() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", noon()).await;
        let prepared = store.prepare(&claim, &partial("refresh-1"), later(30), noon()).unwrap();
        assert_eq!(store.commit(&prepared, noon()).await.unwrap(), Commit::Stored(1));
        let token = row(&store, "quartile").await;
        assert_eq!((token.state, token.generation), (State::New, 1));
        assert!(token.access_token.is_none());
        let due = store.due(later(30), <_>::default(), 10).await.unwrap();
        assert_eq!(due.len(), 1);
    });
}

#[test]
fn a_partial_answer_to_a_forced_claim_is_tried_again_too() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let (state, refresh_at) = (State::NeedsLogin, clock::latest());
        let release = Release { state, refresh_at, ..failure(later(HOUR)) };
        store.release(&claim, &release, later(HOUR)).await.unwrap();
        let claim = claimed(&store, "quartile", later(2 * HOUR)).await;
        let again = later(2 * HOUR + 30);
        let prepared = store.prepare(&claim, &partial("refresh-2"), again, later(HOUR)).unwrap();
        assert_eq!(store.commit(&prepared, later(2 * HOUR)).await.unwrap(), Commit::Stored(2));
        assert_eq!(store.due(again, <_>::default(), 10).await.unwrap().len(), 1);
    });
}

/// The current and the previous refresh token of a row, in clear, after one more answer.
async fn refresh_tokens_after(ground: &Ground, change: RefreshTokenChange) -> [Option<String>; 2] {
    let store = ground.store_in_clear().await;
    kept(&store, "quartile", noon()).await;
    let claim = claimed(&store, "quartile", later(HOUR)).await;
    let mut new = answer("access-2", "unused", later(HOUR));
    new.refresh_token = change;
    committed(&store, &claim, new, later(HOUR)).await;
    let next = claimed(&store, "quartile", later(2 * HOUR)).await;
    let stored = ground.rows("SELECT refresh_token, refresh_token_previous FROM tokens").await;
    let [current, previous] = <[_; 2]>::try_from(stored.into_iter().next().unwrap()).unwrap();
    assert_eq!(refresh_token(&next), current.as_deref());
    [current, previous]
}
