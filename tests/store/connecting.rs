//! Connections between statements: kept at hand, and never used again when in doubt.

use std::time::Duration;

use tokenkeeper_shared::{
    seal::Seal,
    store::{Role, Store, StoreError},
};
use tokio::time::timeout;

use crate::ground::{at_once, on_each};
use crate::keeping::{enrolled, noon, row};

#[test]
fn an_answer_that_nobody_waited_for_is_not_taken_for_anothers() {
    on_each(async |ground| {
        let store = ground.store().await;
        for name in ["one", "other"] {
            enrolled(&store, name, noon()).await;
        }
        let store = ground.open_with(Seal::Off, Role::Consumer);
        let [one, other] = ["one", "other"].map(|name| name.parse().unwrap());
        let mut cut_off = 0;
        for microseconds in 0..300 {
            // Somewhere between the question and the answer.
            let patience = Duration::from_micros(microseconds);
            cut_off += usize::from(timeout(patience, store.read(&one)).await.is_err());
            let (found, _) = store.read(&other).await.unwrap().unwrap();
            assert_eq!(found.name, other);
        }
        assert!(cut_off > 0, "every question was answered at once");
    });
}

#[test]
fn many_callers_share_few_connections() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        let found = at_once(200, |_| {
            let store = store.clone();
            async move { row(&store, "quartile").await.generation }
        });
        assert_eq!(found.await, [0; 200]);
    });
}

#[test]
fn a_closed_store_says_so() {
    on_each(async |ground| {
        let store = ground.store().await;
        store.close().await;
        assert!(matches!(
            store.time().await,
            Err(StoreError::Temporary(_) | StoreError::Refused(_))
        ));
    });
}

#[test]
fn a_store_may_outlive_its_runtime() {
    on_each(async |ground| {
        let url = ground.database.url.clone();
        ground.store().await.close().await;
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let store = runtime.block_on(async {
                let store = Store::open(url.parse().unwrap(), Seal::Off, Role::Consumer);
                let store = store.unwrap();
                store.time().await.unwrap();
                store
            });
            drop(runtime);
            drop(store);
        })
        .join()
        .unwrap();
    });
}
