//! Many workers at once, each with connections of its own.

use std::collections::HashSet;

use uuid::Uuid;

use tokenkeeper_shared::clock;
use tokenkeeper_shared::store::{Commit, DueCursor, LEASE, Store, StoreError};

use crate::ground::{at_once, on_each};
use crate::keeping::{
    HOUR, WORKER, access_token, answer, claimed, enrolled, kept, later, noon, row,
};

#[test]
fn one_of_sixteen_claimers_wins_a_row() {
    on_each(async |ground| {
        let store = ground.store().await;
        let id = enrolled(&store, "quartile", noon()).await.id;
        // The second time the sixteen meet at a lease that has lapsed.
        for (now, doubts) in [(noon(), 0), (clock::after(noon(), LEASE), 1)] {
            let claims = at_once(16, |_| {
                let store = ground.open();
                async move { store.claim(&[id], WORKER, now).await.unwrap().len() }
            });
            assert_eq!(claims.await.iter().sum::<usize>(), 1);
            assert_eq!(row(&store, "quartile").await.uncertain_tries, doubts);
        }
    });
}

#[test]
fn one_of_sixteen_wins_a_row_by_its_name() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = kept(&store, "quartile", noon()).await;
        let claims = at_once(16, |number| {
            let (store, token) = (ground.open(), token.clone());
            async move {
                let claim = store.claim_named(&token, number % 2 == 0, WORKER, later(HOUR));
                usize::from(claim.await.unwrap().is_some())
            }
        });
        assert_eq!(claims.await.iter().sum::<usize>(), 1);
    });
}

#[test]
fn eight_claimers_share_two_hundred_rows_without_overlap() {
    on_each(async |ground| {
        let store = ground.store().await;
        for number in 0..200 {
            enrolled(&store, &format!("row-{number}"), later(number % 5)).await;
        }
        let claims = at_once(8, |_| claim_all(ground.open())).await;
        let claims: Vec<_> = claims.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(claims.len(), 200);
        assert_eq!(claims.iter().collect::<HashSet<_>>().len(), 200);
    });
}

#[test]
fn one_of_sixteen_answers_to_one_claim_is_committed() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let commits = at_once(16, |number| {
            let (access, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
            let (store, new) = (ground.open(), answer(&access, &refresh, later(HOUR)));
            let prepared = store.prepare(&claim, &new, later(2 * HOUR), later(HOUR)).unwrap();
            async move { (access, store.commit(&prepared, later(HOUR)).await.unwrap()) }
        });
        let commits = commits.await;
        let stored: Vec<_> =
            commits.iter().filter(|(_, commit)| *commit == Commit::Stored(2)).collect();
        assert_eq!(stored.len(), 1, "{commits:?}");
        let token = row(&store, "quartile").await;
        assert_eq!(token.generation, 2);
        assert_eq!(access_token(&store, &token).as_ref(), Some(&stored[0].0));
    });
}

/// Claims due rows in batches until none is left, as a worker's pass does.
async fn claim_all(store: Store) -> Result<Vec<Uuid>, StoreError> {
    let mut mine = Vec::new();
    // A walk that does not end must not hold the suite.
    while mine.len() <= 200 {
        let due = store.due(later(5), DueCursor::default(), 25).await?;
        if due.is_empty() {
            break;
        }
        let ids: Vec<_> = due.iter().map(|due| due.id).collect();
        for claim in store.claim(&ids, WORKER, later(5)).await? {
            mine.push(claim.expect("it opens").token.id);
        }
    }
    Ok(mine)
}
