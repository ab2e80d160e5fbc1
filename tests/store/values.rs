//! Values of unusual size and content come back as they were.

use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{Commit, Store};
use tokenkeeper_shared::token::NewTokens;

use crate::ground::on_each;
use crate::keeping::{
    HOUR, access_token, answer, claimed, committed, enrolled, kept, later, noon, refresh_token, row,
};

#[test]
fn a_token_of_a_megabyte_survives() {
    on_each(async |ground| {
        let (access, refresh) = ("a".repeat(1 << 20), "r".repeat(1 << 20));
        survives(&ground.store_in_clear().await, "clear", &access, &refresh).await;
        // Sealing is slow in a debug build, and sealed text is longer by a third: one column does.
        let store = ground.store().await;
        enrolled(&store, "sealed", noon()).await;
        let new = answer(&access, "refresh-1", noon());
        let new = NewTokens { json_data: None, ..new };
        committed(&store, &claimed(&store, "sealed", noon()).await, new, noon()).await;
        let token = row(&store, "sealed").await;
        assert!(access_token(&store, &token).unwrap() == access);
    });
}

#[test]
fn every_printable_character_survives() {
    on_each(async |ground| {
        let access: String = ('!'..='~').collect();
        let refresh = format!("{access}'\"\\%_?$1 :name {{now}} {{list}} -- /* é 漢 🔑 \t");
        survives(&ground.store().await, "sealed", &access, &refresh).await;
        survives(&ground.store_in_clear().await, "clear", &access, &refresh).await;
    });
}

#[test]
fn scope_and_type_survive_with_any_printable_character() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        let text: String = (' '..='~').chain("é漢🔑".chars()).collect();
        let mut new = answer("access-1", "refresh-1", noon());
        let access = new.access.as_mut().unwrap();
        (access.scope, access.token_type) = (Some(text.clone()), text.clone());
        committed(&store, &claimed(&store, "quartile", noon()).await, new, noon()).await;
        let token = row(&store, "quartile").await;
        assert_eq!((token.scope, token.token_type), (Some(text.clone()), text));
    });
}

#[test]
fn an_empty_text_is_not_taken_for_an_absent_one() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let mut new = answer("access-2", "refresh-2", later(HOUR));
        new.access.as_mut().unwrap().scope = Some(String::new());
        new.json_data = Some(Secret::new(""));
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        committed(&store, &claim, new, later(HOUR)).await;
        assert_eq!(row(&store, "quartile").await.scope.as_deref(), Some(""));
        let absent = "SELECT COUNT(*) FROM tokens WHERE json_data IS NULL OR scope IS NULL";
        assert_eq!(ground.cell(absent).await.unwrap(), "0");
    });
}

#[test]
fn a_scope_that_a_database_cannot_hold_does_not_cost_the_tokens() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        for (scope, generation) in [("a NUL \0".to_owned(), 1), ("long ".repeat(20_000), 2)] {
            let claim = claimed(&store, "quartile", noon()).await;
            let mut new = answer("access-1", "refresh-1", noon());
            new.access.as_mut().unwrap().scope = Some(scope);
            let commit = committed(&store, &claim, new, noon()).await;
            assert_eq!(commit, Commit::Stored(generation));
        }
    });
}

/// Through a commit, and through one more that moves the refresh token to the previous one.
async fn survives(store: &Store, name: &str, access: &str, refresh: &str) {
    enrolled(store, name, noon()).await;
    for generation in 1..=2 {
        let now = later(generation * HOUR);
        let mut new = answer(access, &format!("{refresh}{generation}"), now);
        new.json_data = Some(Secret::new(format!("{access}{refresh}")));
        committed(store, &claimed(store, name, now).await, new, now).await;
    }
    assert!(access_token(store, &row(store, name).await).unwrap() == access);
    let claim = claimed(store, name, later(3 * HOUR)).await;
    assert!(refresh_token(&claim).unwrap() == format!("{refresh}2"));
}
