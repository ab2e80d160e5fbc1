//! The worker's pass against the sandbox provider, on all three databases: the protocol's promises
//! where they need a real store and a real exchange, and each fault of the provider's tutorial.
//! Whole processes are run by `programs`; single store functions by `store`.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

#[path = "refresh/crowds.rs"]
mod crowds;
mod harness;
#[path = "refresh/recovering.rs"]
mod recovering;
#[path = "refresh/stage.rs"]
mod stage;

use std::time::Duration;

use harness::databases::{Database, Kind, each};
use stage::{Stage, later, status};
use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::Wish,
    wait::{self, Patience},
};
use tokenkeeper_worker::sandbox::{Fault, Settings};

/// Runs one test body on each kind of database; the kind is in every message.
async fn on_each(test: impl AsyncFn(Kind)) {
    for kind in each() {
        test(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_logs_in_and_a_second_one_finds_nothing_due() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        let report = stage.run().await;
        assert_eq!((report.logged_in, report.taken_up()), (1, 1), "{kind}");
        assert_eq!(stage.run().await.taken_up(), 0, "{kind}");
        assert!(stage.sandbox.is_active(&stage.token().await), "{kind}");
    })
    .await;
}

/// Who watches for a timer that has stopped must not take a quiet hour for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_finds_nothing_due_is_noted_too() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        let next = stage.now().await + later(60);
        assert!(stage.store.last_run().await.unwrap().unwrap() < next, "{kind}");
        assert_eq!(stage.run_at(next).await.taken_up(), 0, "{kind}");
        assert!(stage.store.last_run().await.unwrap().unwrap() >= next, "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_begins_nothing_not_even_new_rows() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        assert_eq!(stage.run_too_late().await.taken_up(), 0, "{kind}");
        assert!(stage.store.read(&stage.name).await.unwrap().is_none(), "{kind}: enrolled");
        assert_eq!(stage.run().await.logged_in, 1, "{kind}");
    })
    .await;
}

/// Tutorial, fault 1: it refreshed one hour after the expiry.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_twelve_hours_is_due_an_hour_before_it_expires() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        let row = stage.row().await;
        let lead = row.access_token_expires.unwrap() - row.refresh_at;
        assert!((60..=66).contains(&lead.num_minutes()), "{kind}: {lead}");
        assert_eq!(stage.run_at(row.refresh_at - later(1)).await.taken_up(), 0, "{kind}");
        assert_eq!(stage.run_at(row.refresh_at).await.refreshed, 1, "{kind}");
    })
    .await;
}

/// Tutorial, fault 14: a fixed lead of an hour loops for tokens that live an hour or less.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_lived_token_is_not_due_as_soon_as_it_is_made() {
    for life in [3600, 300, 60, 1] {
        let settings =
            Settings { access_lifetime: Duration::from_secs(life), ..Settings::default() };
        let stage = Stage::quartile(Kind::Sqlite, settings).await;
        stage.run().await;
        assert_eq!(stage.run().await.taken_up(), 0, "{life} s");
        let gap = stage.row().await.refresh_at - stage.now().await;
        assert!(
            gap.num_seconds() >= i64::try_from(life).unwrap().min(60) * 2 / 5 - 1,
            "{life} s: {gap}"
        );
    }
}

/// Tutorial, fault 6: nothing excluded two workers, and the refresh token was read before the claim.
#[tokio::test(flavor = "multi_thread")]
async fn two_to_sixteen_workers_on_one_row_make_one_provider_call_per_generation() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        for workers in [2, 4, 8, 16] {
            let due = stage.row().await.refresh_at;
            let before = stage.sandbox.counts();
            stage.run_beside_each_other(workers, due).await;
            let after = stage.sandbox.counts();
            assert_eq!(after.exchanges - before.exchanges, 1, "{kind}, {workers} workers");
        }
        assert_eq!(
            (stage.row().await.generation, stage.sandbox.counts().replays),
            (5, 0),
            "{kind}"
        );
    })
    .await;
}

/// Tutorial, fault 7: two first runs both logged in, and the second insert broke.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_first_runs_at_once_log_in_once() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        let now = stage.now().await;
        stage.run_beside_each_other(16, now).await;
        assert_eq!(stage.sandbox.counts().exchanges, 1, "{kind}");
        assert_eq!(stage.row().await.generation, 1, "{kind}");
    })
    .await;
}

/// Tutorial, fault 8: any status but 201 counted as "refresh token expired" and logged in.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_trouble_is_not_answered_by_a_login() {
    on_each(async |kind| {
        for answer in [400, 404, 429, 500, 502, 503] {
            let stage = Stage::quartile(kind, Settings::default()).await;
            stage.run().await;
            stage.sandbox.next_answer(status(answer));
            let report = stage.run_at(stage.row().await.refresh_at).await;
            assert_eq!((report.failed, stage.sandbox.counts().logins), (1, 1), "{kind}, {answer}");
            assert!(stage.sandbox.is_active(&stage.token().await), "{kind}, {answer}");
        }
    })
    .await;
}

/// Tutorial, fault 3: `updating` stayed true on any error but one.
#[tokio::test(flavor = "multi_thread")]
async fn updating_is_false_after_every_failure() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        let faults = [
            status(401),
            status(500),
            status(429),
            Fault::Cut { processed: false },
            Fault::Truncated { cut: false },
            Fault::Redirect { location: "https://elsewhere.example/".into(), status: 307 },
        ];
        for fault in faults {
            let stage = Stage::quartile(kind, Settings::default()).await;
            stage.run().await;
            let due = stage.row().await.refresh_at;
            stage.sandbox.every_answer(Some(fault.clone()));
            let report = stage.run_at(due).await;
            let row = stage.row().await;
            assert_eq!((report.failed, row.updating), (1, false), "{kind}, {fault:?}");
            assert!(row.last_error.is_some() && row.failures > 0, "{kind}, {fault:?}");
        }
    })
    .await;
}

/// A run that ends with 0 while `get` has nothing to hand out would look healthy to a timer.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_waits_for_its_next_try_without_a_valid_one_is_told_in_every_run() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.sandbox.every_answer(Some(status(404)));
        assert_eq!(stage.run().await.exit(), Exit::NoValidToken, "{kind}");
        let report = stage.run().await;
        assert_eq!((report.taken_up(), report.exit()), (0, Exit::NoValidToken), "{kind}");
    })
    .await;
}

/// Tutorial, fault 11: a new engine and connection on every poll, never closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_polls_holds_one_connection() {
    let database = Database::fresh(Kind::Postgres);
    let stage = Stage::on(database.url.clone(), Settings::default()).await;
    stage.run().await;
    let consumer = stage.consumer();
    for _ in 0..50 {
        wait::hand_out(&consumer, &stage.name, Wish::default(), Patience::of(Duration::ZERO))
            .await
            .unwrap();
    }
    let name = database.name();
    stage.store.close().await;
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    assert_eq!(harness::servers::postgres().execute(name, &sql).trim(), "1");
}
