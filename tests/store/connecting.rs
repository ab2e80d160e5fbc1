//! Connections between statements: kept at hand, and never used again when in doubt.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use tokenkeeper_shared::{
    seal::Seal,
    store::{Role, Store, StoreError},
};
use tokio::task::yield_now;

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
        for round in 0..300 {
            cut_off += usize::from(is_cut_off(store.read(&one), 1 + round % 3).await);
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

/// Polls a question so many times and then drops it: somewhere between the question and the answer.
async fn is_cut_off(question: impl Future, polls: usize) -> bool {
    let mut question = pin!(question);
    for _ in 0..polls {
        let poll =
            |context: &mut Context<'_>| Poll::Ready(question.as_mut().poll(context).is_ready());
        if poll_fn(poll).await {
            return false;
        }
        yield_now().await;
    }
    true
}
