//! Rows for configured names.

use tokenkeeper_shared::token::State;

use crate::ground::{at_once, on_each};
use crate::keeping::{PROVIDER, enrolled, kept, later, name, noon, row};

#[test]
fn a_name_enrolled_twice_has_one_row_and_keeps_it() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let before = ground.row_text("quartile").await;
        store.enrol(&name("quartile"), "other", later(60)).await.unwrap();
        assert_eq!(ground.row_text("quartile").await, before);
        assert_eq!(store.page(None, 10).await.unwrap().len(), 1);
    });
}

#[test]
fn a_name_enrolled_by_sixteen_at_once_has_one_row() {
    on_each(async |ground| {
        let store = ground.store().await;
        let enrolments = at_once(16, |_| {
            let store = ground.open();
            async move { store.enrol(&name("shared"), PROVIDER, noon()).await }
        });
        for enrolment in enrolments.await {
            enrolment.unwrap();
        }
        assert_eq!(store.page(None, 10).await.unwrap().len(), 1);
    });
}

#[test]
fn a_new_row_is_due_at_once_and_holds_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = enrolled(&store, "fresh", noon()).await;
        assert_eq!((token.state, token.generation), (State::New, 0));
        assert_eq!(token.refresh_at, noon());
        assert_eq!(token.provider, PROVIDER);
        assert!(token.access_token.is_none() && token.access_token_expires.is_none());
        assert!(!token.updating && token.last_success_at.is_none());
        let due = store.due(noon(), <_>::default(), 10).await.unwrap();
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [token.id]);
    });
}

#[test]
fn the_tutorials_token_has_the_tutorials_key() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = enrolled(&store, "quartile", noon()).await;
        assert_eq!(token.id.to_string(), "febdb7d2-e95d-11ed-9255-65636df51340");
        let other = enrolled(&store, "quartile-2", noon()).await;
        assert_ne!(other.id, token.id);
    });
}

#[test]
fn names_that_differ_in_case_only_are_two_rows() {
    on_each(async |ground| {
        let store = ground.store().await;
        let small = enrolled(&store, "Alice", noon()).await;
        let large = enrolled(&store, "ALICE", later(1)).await;
        assert_ne!(small.id, large.id);
        assert_eq!(row(&store, "Alice").await.id, small.id);
        assert!(store.read(&name("alice")).await.unwrap().is_none());
        let (present, absent) = (name("Alice"), name("alice"));
        let missing = store.without_row(&[&present, &absent]).await.unwrap();
        assert_eq!(missing, [&absent]);
    });
}

#[test]
fn the_names_without_a_row_are_told_in_the_order_asked() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "b", noon()).await;
        let names = ["d", "b", "a", "c"].map(name);
        let missing = store.without_row(&names.each_ref()).await.unwrap();
        assert_eq!(missing, [&names[0], &names[2], &names[3]]);
    });
}

#[test]
fn of_no_names_none_is_without_a_row() {
    on_each(async |ground| {
        let store = ground.store().await;
        assert!(store.without_row(&[]).await.unwrap().is_empty());
    });
}

#[test]
fn five_hundred_names_are_looked_up_at_once() {
    on_each(async |ground| {
        let store = ground.store().await;
        let names: Vec<_> = (0..tokenkeeper_shared::store::NAMES_AT_ONCE)
            .map(|number| name(&format!("{number:0>128}")))
            .collect();
        let asked: Vec<_> = names.iter().collect();
        assert_eq!(store.without_row(&asked).await.unwrap(), asked);
    });
}
