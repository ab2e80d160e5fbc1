//! The answer of the provider is on its way into the database when the connection breaks.

use std::{sync::Arc, time::Duration};

use tokenkeeper_shared::store::StoreError;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    ground::{Ground, NETWORKED},
    harness::long,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_acknowledgement_is_lost_counts_once() {
    for kind in NETWORKED {
        let ground = Ground::logged_in(kind).await;
        let due = ground.stage.row().await.refresh_at;
        ground.proxy.eat_reply_to(SEALED);
        let report = ground.stage.run_at(due).await;
        assert_eq!(ground.proxy.eaten(), 1, "{kind}: the commit was acknowledged");
        assert_eq!((report.refreshed, report.taken_up()), (1, 1), "{kind}: {report:?}");
        ground.is_renewed_once(&kind.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_database_that_is_away_when_it_comes() {
    for kind in NETWORKED {
        let ground = Arc::new(Ground::logged_in(kind).await);
        let due = ground.stage.row().await.refresh_at;
        ground.stage.sandbox.set_latency(EXCHANGE);
        let run = tokio::spawn({
            let ground = ground.clone();
            async move { ground.stage.run_at(due).await }
        });
        block_in_place(|| ground.stage.until_the_provider_was_asked(2));
        ground.proxy.refuse();
        ground.proxy.cut();
        sleep(EXCHANGE + OUTAGE).await;
        assert!(!run.is_finished(), "{kind}: the answer is given up");
        ground.proxy.pass();
        let report = run.await.unwrap();
        assert_eq!((report.refreshed, report.taken_up()), (1, 1), "{kind}: {report:?}");
        ground.is_renewed_once(&kind.to_string()).await;
    }
}

/// The bound of one statement is 40 s, so this takes as long.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_a_statement_and_says_nothing_does_not_hang_us() {
    if !long::is_wanted() {
        return;
    }
    let ask = async |kind| {
        let ground = Ground::logged_in(kind).await;
        ground.proxy.delay(Duration::ZERO, Duration::from_hours(1));
        let read = ground.stage.store.read(&ground.stage.name).await;
        assert!(matches!(read, Err(StoreError::Late)), "{kind}: {read:?}");
        ground.proxy.pass();
        // The connection that hung is not used again: its late answer would be taken for another's.
        let read = ground.stage.store.read(&ground.stage.name).await;
        assert!(matches!(read, Ok(Some(_))), "{kind}: {read:?}");
    };
    tokio::join!(ask(NETWORKED[0]), ask(NETWORKED[1]));
}

/// What every sealed value begins with: of all that a pass sends, only a commit holds one.
const SEALED: &str = "v1.";
/// Time to cut the database off while the provider thinks.
const EXCHANGE: Duration = Duration::from_millis(800);
/// Several tries of a commit.
const OUTAGE: Duration = Duration::from_secs(3);
