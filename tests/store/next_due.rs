//! What a worker that stays waits for: the first due row of its own, and on PostgreSQL to be told.

use std::time::Duration;

use tokenkeeper_shared::store::{Change, LEASE};
use tokenkeeper_shared::{clock, store::Store};

use crate::ground::{on, on_each};
use crate::harness::databases::Kind;
use crate::keeping::{WORKER, enrolled, kept, later, name, noon, row};

async fn next(store: &Store, names: &[&str]) -> Option<chrono::DateTime<chrono::Utc>> {
    let names: Vec<_> = names.iter().map(|each| name(each)).collect();
    store.next_due(&names.iter().collect::<Vec<_>>()).await.unwrap()
}

#[test]
fn the_first_due_row_of_those_named_counts_and_a_held_one_when_its_lease_ends() {
    on_each(async |ground| {
        let store = ground.store().await;
        for (name, due) in [("soon", 10), ("later", 20), ("others", 0)] {
            enrolled(&store, name, later(due)).await;
        }
        assert_eq!(next(&store, &["soon", "later", "missing"]).await, Some(later(10)));
        assert_eq!(next(&store, &["later"]).await, Some(later(20)));
        assert_eq!(next(&store, &["missing"]).await, None);
        assert_eq!(next(&store, &[]).await, None);
        let soon = row(&store, "soon").await.id;
        store.claim(&[soon], WORKER, later(15)).await.unwrap();
        assert_eq!(next(&store, &["soon", "later"]).await, Some(later(20)));
        let lapsed = clock::after(later(15), LEASE);
        assert_eq!(next(&store, &["soon"]).await, Some(lapsed));
    });
}

#[test]
fn postgresql_tells_of_a_new_row_and_of_one_that_is_due_earlier() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        let mut changes = store.changes().await.unwrap().unwrap();
        enrolled(&store, "new", noon()).await;
        assert_eq!(heard(&mut changes).await, Change::Of("new".to_owned()));
        let now = store.time().await.unwrap().now();
        kept(&store, "quartile", clock::before(now, Duration::from_secs(600))).await;
        // Enrolled, claimed, committed.
        for _ in 0..3 {
            assert_eq!(heard(&mut changes).await, Change::Of("quartile".to_owned()));
        }
        store.report(&name("quartile"), 1).await.unwrap();
        assert_eq!(heard(&mut changes).await, Change::Of("quartile".to_owned()));
        ground.run("UPDATE tokens SET refresh_at = refresh_at + 60000").await;
        ground.run("UPDATE tokens SET refresh_at = 1 WHERE name = 'new'").await;
        assert_eq!(heard(&mut changes).await, Change::Of("new".to_owned()), "not of later ones");
    });
}

async fn heard(changes: &mut tokenkeeper_shared::store::Changes) -> Change {
    tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap().unwrap()
}
