//! A consumer's report that an API refused a token.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock;
use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{Commit, Release, Report, Role, Store};
use tokenkeeper_shared::token::State;

use crate::ground::{Ground, on_each};
use crate::keeping::{answer, claimed, committed, failure, kept, name, row};

/// The door of a consumer that reports.
fn reporter(ground: &Ground) -> Store {
    ground.open_with(Seal::Off, Role::Reporter)
}

async fn report(store: &Store, generation: i64) -> Report {
    store.report(&name("quartile"), generation).await.unwrap().unwrap()
}

/// In whole milliseconds, as instants are stored.
async fn minutes_ago(store: &Store, minutes: u64) -> DateTime<Utc> {
    let now = store.time().await.unwrap().now();
    clock::before(clock::from_millis(now.timestamp_millis()), Duration::from_secs(60 * minutes))
}

#[test]
fn a_refused_token_is_due_at_once_but_once_a_generation() {
    on_each(async |ground| {
        let (store, door) = (ground.store().await, reporter(&ground));
        let renewed = minutes_ago(&store, 10).await;
        let before = kept(&store, "quartile", renewed).await.refresh_at;
        let noted = report(&door, 1).await;
        let Report::Noted { due } = noted else { panic!("{noted:?}") };
        assert!(due > renewed && due < before, "{due}");
        assert_eq!(row(&store, "quartile").await.refresh_at, due);
        assert_eq!(report(&door, 1).await, Report::Known);

        let claim = claimed(&store, "quartile", due).await;
        assert_eq!(report(&door, 1).await, Report::Updating);
        let stored = committed(&store, &claim, answer("access-2", "refresh-2", due), due).await;
        assert_eq!(stored, Commit::Stored(2));
        assert_eq!(report(&door, 1).await, Report::Superseded { generation: 2 });
    });
}

/// A provider whose tokens are refused as soon as they are made must not be asked without end.
#[test]
fn a_report_waits_for_the_gap_between_renewals() {
    on_each(async |ground| {
        let (store, door) = (ground.store().await, reporter(&ground));
        let renewed = minutes_ago(&store, 0).await;
        kept(&store, "quartile", renewed).await;
        let due = clock::after(renewed, Duration::from_secs(30));
        assert_eq!(report(&door, 1).await, Report::Noted { due });
    });
}

#[test]
fn a_report_does_not_hasten_the_next_try_after_a_failure() {
    on_each(async |ground| {
        let (store, door) = (ground.store().await, reporter(&ground));
        let renewed = minutes_ago(&store, 10).await;
        kept(&store, "quartile", renewed).await;
        let claim = claimed(&store, "quartile", renewed).await;
        let now = minutes_ago(&store, 0).await;
        store.release(&claim, &failure(now), now).await.unwrap();
        let due = clock::after(now, Duration::from_secs(30));
        assert_eq!(report(&door, 1).await, Report::Noted { due });
    });
}

/// Since when a dead worker's refresh token may be spent stands in `updated_at`.
#[test]
fn a_report_leaves_the_date_of_a_dead_workers_claim() {
    on_each(async |ground| {
        let (store, door) = (ground.store().await, reporter(&ground));
        let renewed = minutes_ago(&store, 20).await;
        kept(&store, "quartile", renewed).await;
        let died = minutes_ago(&store, 10).await;
        claimed(&store, "quartile", died).await;
        assert!(matches!(report(&door, 1).await, Report::Noted { .. }));
        let heir = claimed(&store, "quartile", minutes_ago(&store, 0).await).await;
        assert_eq!(heir.token.uncertain_since, Some(died));
    });
}

#[test]
fn a_report_moves_no_row_that_waits_for_a_human() {
    on_each(async |ground| {
        let (store, door) = (ground.store().await, reporter(&ground));
        let now = minutes_ago(&store, 10).await;
        kept(&store, "quartile", now).await;
        let claim = claimed(&store, "quartile", now).await;
        let never = clock::latest();
        let human = Release { state: State::NeedsLogin, refresh_at: never, ..failure(now) };
        store.release(&claim, &human, now).await.unwrap();
        assert_eq!(report(&door, 1).await, Report::NotRenewed(State::NeedsLogin));
        assert_eq!(row(&store, "quartile").await.refresh_at, never);
        assert_eq!(door.report(&name("nobody"), 1).await.unwrap(), None);
    });
}
