//! Which rows are due, and what a claim takes. Claims that race are in `racing`.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use tokenkeeper_shared::clock;
use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{DueCursor, LEASE, Release, Role, Store};
use tokenkeeper_shared::token::State;

use crate::ground::{on, on_each};
use crate::harness::databases::Kind;
use crate::keeping::{WORKER, claimed, enrolled, failure, kept, later, noon, refresh_token, row};

#[test]
fn only_due_rows_are_due_soonest_first() {
    on_each(async |ground| {
        let store = ground.store().await;
        for (name, due) in [("third", 20), ("first", 0), ("not-yet", 31), ("second", 10)] {
            enrolled(&store, name, later(due)).await;
        }
        assert_eq!(due_names(&store, later(30)).await, ["first", "second", "third"]);
        assert_eq!(due_names(&store, later(10)).await, ["first", "second"]);
    });
}

#[test]
fn a_walk_over_due_rows_visits_each_once_also_those_due_at_one_instant() {
    on_each(async |ground| {
        let store = ground.store().await;
        for number in 0..24_u64 {
            // Seven rows share an instant, more than a page holds; the others are due in pairs.
            let due = number.saturating_sub(6) / 2;
            enrolled(&store, &format!("row-{number}"), later(due)).await;
        }
        for limit in [1, 4, 5, 100] {
            let (mut visited, mut cursor) = (Vec::new(), DueCursor::default());
            // A walk that does not end must not hold the suite.
            while visited.len() <= 24 {
                let page = store.due(later(60), cursor, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= usize::from(limit));
                cursor = DueCursor::from(last);
                visited.extend(page.into_iter().map(|due| (due.refresh_at, due.id)));
            }
            assert!(visited.is_sorted_by_key(|(due, _)| *due), "{visited:?}");
            assert_eq!(visited.len(), 24, "in pages of {limit}");
            assert_eq!(visited.iter().collect::<HashSet<_>>().len(), 24);
        }
    });
}

#[test]
fn a_row_that_is_not_due_is_not_claimed() {
    on_each(async |ground| {
        let store = ground.store().await;
        let (due, not_due) =
            (enrolled(&store, "due", noon()).await, enrolled(&store, "not-due", later(1)).await);
        let ids = [not_due.id, due.id, Uuid::nil()];
        assert_eq!(claim_names(&store, &ids, noon()).await, ["due"]);
        assert!(!row(&store, "not-due").await.updating);
    });
}

#[test]
fn a_claim_marks_its_rows_and_returns_what_is_to_be_spent() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = kept(&store, "quartile", noon()).await;
        let now = later(12 * 3600);
        let mut claims = store.claim(&[token.id], WORKER, now).await.unwrap();
        let claim = claims.pop().unwrap().unwrap();
        assert!(claims.is_empty());
        assert_eq!(refresh_token(&claim).unwrap(), "refresh-1-quartile");
        let marked = row(&store, "quartile").await;
        for token in [&claim.token, &marked] {
            assert!(token.updating && token.is_being_updated(now));
            assert_eq!(token.worker.as_deref(), Some(WORKER));
            assert_eq!(token.lease_until, Some(clock::after(now, LEASE)));
            assert_eq!((token.uncertain_since, token.uncertain_tries), (None, 0));
        }
    });
}

#[test]
fn a_batch_is_returned_soonest_expiry_first() {
    on_each(async |ground| {
        let store = ground.store().await;
        let mut ids = Vec::new();
        for (name, made) in [("late", 20), ("early", 0), ("middle", 10)] {
            ids.push(kept(&store, name, later(made)).await.id);
        }
        ids.push(enrolled(&store, "new", later(40)).await.id);
        let names = claim_names(&store, &ids, later(24 * 3600)).await;
        assert_eq!(names, ["new", "early", "middle", "late"]);
    });
}

#[test]
fn a_leased_row_is_neither_due_nor_claimed() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = enrolled(&store, "quartile", noon()).await;
        assert_eq!(claim_names(&store, &[token.id], noon()).await, ["quartile"]);
        let before = ground.row_text("quartile").await;
        let now = clock::after(noon(), LEASE - Duration::from_millis(1));
        assert!(due_names(&store, now).await.is_empty());
        assert!(claim_names(&store, &[token.id], now).await.is_empty());
        for force in [false, true] {
            let claim = store.claim_named(&token, force, "other", now).await.unwrap();
            assert!(claim.is_none());
        }
        assert_eq!(ground.row_text("quartile").await, before);
    });
}

#[test]
fn a_lapsed_lease_can_be_claimed_again_and_leaves_its_doubt() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = enrolled(&store, "quartile", noon()).await;
        claim_names(&store, &[token.id], noon()).await;
        let first = clock::after(noon(), LEASE);
        assert_eq!(due_names(&store, first).await, ["quartile"]);
        assert_eq!(claim_names(&store, &[token.id], first).await, ["quartile"]);
        let doubtful = row(&store, "quartile").await;
        assert_eq!(doubtful.uncertain_tries, 1);
        assert_eq!(doubtful.uncertain_since, Some(noon()), "since the claim of the one that died");
        assert_eq!(doubtful.lease_until, Some(clock::after(first, LEASE)));

        let second = clock::after(first, LEASE);
        for claim in
            [claimed(&store, "quartile", second).await.token, row(&store, "quartile").await]
        {
            assert_eq!(claim.uncertain_tries, 2);
            assert_eq!(claim.uncertain_since, Some(noon()), "since the first time");
        }
    });
}

#[test]
fn a_row_that_waits_for_a_human_or_is_disabled_is_never_due() {
    on_each(async |ground| {
        let store = ground.store().await;
        let mut ids = Vec::new();
        for (name, state) in [("waits", State::NeedsLogin), ("off", State::Disabled)] {
            ids.push(kept(&store, name, noon()).await.id);
            let claim = claimed(&store, name, later(60)).await;
            let release = Release { state, ..failure(later(60)) };
            assert!(store.release(&claim, &release, later(60)).await.unwrap());
        }
        let now = later(24 * 3600);
        assert!(due_names(&store, now).await.is_empty());
        assert!(claim_names(&store, &ids, now).await.is_empty());
    });
}

#[test]
fn claiming_nothing_claims_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        assert!(store.claim(&[], WORKER, noon()).await.unwrap().is_empty());
        assert!(!row(&store, "quartile").await.updating);
    });
}

#[test]
fn a_claim_finds_out_that_the_database_takes_no_writes() {
    on(&[Kind::Sqlite, Kind::Postgres], async |ground| {
        let token = enrolled(&ground.store().await, "quartile", noon()).await;
        let store = if ground.kind() == Kind::Sqlite {
            ground.open_with(Seal::With(ground.ring.clone()), Role::Consumer)
        } else {
            ground.run(READ_ONLY).await;
            ground.open()
        };
        let refused = store.claim(&[token.id], WORKER, noon()).await.unwrap_err();
        // What a failed-over server answers passes; a file that was opened for reading does not.
        assert_eq!(refused.is_transient(), ground.kind() == Kind::Postgres, "{refused:?}");
        assert!(!row(&store, "quartile").await.updating);
    });
}

async fn due_names(store: &Store, now: DateTime<Utc>) -> Vec<String> {
    let due = store.due(now, DueCursor::default(), 100).await.unwrap();
    due.iter().map(|due| due.name.to_string()).collect()
}

async fn claim_names(store: &Store, ids: &[Uuid], now: DateTime<Utc>) -> Vec<String> {
    let claims = store.claim(ids, WORKER, now).await.unwrap();
    let names = claims.into_iter().map(|claim| claim.unwrap().token.name.to_string());
    names.collect()
}

const READ_ONLY: &str = "DO $$ BEGIN EXECUTE format( \
     'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
