//! The worker's pass against the sandbox provider, on all three databases: the protocol's promises
//! where they need a real store and a real exchange, and each fault of the provider's tutorial.
//! Whole processes are run by `programs`; single store functions by `store`.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

mod harness;
#[path = "refresh/stage.rs"]
mod stage;

use std::{sync::Arc, time::Duration};

use harness::{
    databases::{Database, Kind, each},
    product::Product,
    servers::Server,
};
use stage::{Stage, later, status};
use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::Wish,
    token::State,
    wait::{self, Patience},
};
use tokenkeeper_worker::sandbox::{Fault, Rewrite, Rotation, Settings};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_is_followed_by_one_login() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        stage.sandbox.expire_refresh_tokens();
        let report = stage.run_at(stage.row().await.refresh_at).await;
        assert_eq!((report.logged_in, report.exit()), (1, Exit::Ok), "{kind}");
        assert_eq!(stage.sandbox.counts().logins, 2, "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_not_repeated_until_a_human_forces_it() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.change_password("another");
        let report = stage.run().await;
        assert_eq!(report.exit(), Exit::NeedsHuman, "{kind}");
        assert_eq!(stage.row().await.state, State::NeedsLogin, "{kind}");
        let report = stage.run_at(stage.now().await + later(7 * 24 * 3600)).await;
        assert_eq!((report.taken_up(), report.exit()), (0, Exit::NeedsHuman), "{kind}");
        assert_eq!(stage.sandbox.counts().exchanges, 1, "{kind}");
        stage.change_password("sandbox-password");
        assert_eq!(stage.force().await.logged_in, 1, "{kind}");
        assert_eq!(stage.row().await.state, State::Ok, "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_tried_once_more_and_then_logged_in() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        stage.sandbox.next_answer(Fault::Cut { processed: true });
        stage.run_at(stage.row().await.refresh_at).await;
        let row = stage.row().await;
        assert_eq!(row.uncertain_tries, 1, "{kind}");
        assert!(row.uncertain_since.is_some(), "{kind}");
        // The strict provider takes the replay for theft and kills the grant: a login heals it.
        let report = stage.run_at(row.refresh_at).await;
        assert_eq!((report.logged_in, stage.sandbox.counts().replays), (1, 1), "{kind}");
        assert_eq!(stage.row().await.uncertain_tries, 0, "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_a_replay_window_a_lost_answer_costs_nothing() {
    on_each(async |kind| {
        let window = Duration::from_secs(30);
        let settings = Settings { rotation: Rotation::Grace(window), ..Settings::default() };
        let stage = Stage::quartile(kind, settings).await.with_replay_window(window);
        stage.run().await;
        stage.sandbox.next_answer(Fault::Cut { processed: true });
        let report = stage.run_at(stage.row().await.refresh_at).await;
        assert_eq!((report.refreshed, stage.sandbox.counts().logins), (1, 1), "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_a_spent_refresh_token_waits_for_a_human_and_the_token_is_still_served()
{
    on_each(async |kind| {
        let stage = Stage::refresh_token_grant(kind).await;
        assert_eq!(stage.run().await.refreshed, 1, "{kind}");
        stage.sandbox.every_answer(Some(Fault::Cut { processed: true }));
        stage.run_at(stage.row().await.refresh_at).await;
        stage.run_at(stage.row().await.refresh_at).await;
        let report = stage.run_at(stage.row().await.refresh_at).await;
        assert_eq!(report.exit(), Exit::NeedsHuman, "{kind}");
        let wish = Wish::default();
        let got = wait::hand_out(&stage.store, &stage.name, wish, Patience::of(Duration::ZERO))
            .await
            .unwrap();
        assert!(got.warning.is_some(), "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_refresh_token_is_kept_although_the_rest_of_the_answer_is_unusable() {
    on_each(async |kind| {
        for pointer in ["/authorization", "/authorization/token"] {
            let stage = Stage::quartile(kind, Settings::default()).await;
            stage.run().await;
            let before = stage.token().await;
            stage
                .sandbox
                .next_answer(Fault::AnswerAs { rewrite: Rewrite::default().remove(pointer) });
            let report = stage.run_at(stage.row().await.refresh_at).await;
            assert_eq!(report.partial, 1, "{kind}, {pointer}");
            assert_eq!(stage.token().await, before, "{kind}, {pointer}");
            assert_eq!(
                stage.run_at(stage.row().await.refresh_at).await.refreshed,
                1,
                "{kind}, {pointer}"
            );
            assert_eq!(stage.sandbox.counts().replays, 0, "{kind}, {pointer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_in_the_middle_still_yields_its_refresh_token() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        stage.run().await;
        let cut = Rewrite::default().map_body(|mut body| {
            body.truncate(body.len() - 2);
            body
        });
        stage.sandbox.next_answer(Fault::AnswerAs { rewrite: cut });
        stage.run_at(stage.row().await.refresh_at).await;
        assert_eq!(stage.run_at(stage.row().await.refresh_at).await.refreshed, 1, "{kind}");
        assert_eq!(
            (stage.sandbox.counts().replays, stage.sandbox.counts().logins),
            (0, 1),
            "{kind}"
        );
    })
    .await;
}

/// Tutorial, fault 9: between the answer and the UPDATE a rotated token lived in memory only, and
/// one failed UPDATE lost it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_during_the_exchange_does_not_lose_the_answer() {
    for (kind, product) in [(Kind::Postgres, Product::Postgres), (Kind::MariaDb, Product::MariaDb)]
    {
        let server = Server::start(product);
        let url = server.fresh_database();
        let stage = Arc::new(Stage::on(url, Settings::default()).await);
        stage.run().await;
        let due = stage.row().await.refresh_at;
        stage.sandbox.set_latency(Duration::from_millis(800));
        let run = tokio::spawn({
            let stage = stage.clone();
            async move { stage.run_at(due).await }
        });
        tokio::task::block_in_place(|| {
            stage.until_the_provider_was_asked(2);
            server.kill();
            server.restart();
        });
        let report = run.await.unwrap();
        assert_eq!(report.refreshed, 1, "{kind}: {report:?}");
        assert!(stage.sandbox.is_active(&stage.token().await), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_provider_never_sees_more_exchanges_at_once_than_allowed() {
    on_each(async |kind| {
        let stage = Stage::many(kind, 60, 4).await;
        let report = stage.run().await;
        assert_eq!((report.logged_in, report.failed), (60, 0), "{kind}");
        let most = stage.most_at_once();
        assert!((2..=4).contains(&most), "{kind}: {most} at once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_rows_of_ours_among_many_of_others_are_all_found_in_one_pass() {
    on_each(async |kind| {
        // Each page of due rows holds just as many of ours as the provider has room for.
        let stage = Stage::many(kind, 12, 4).await;
        let now = stage.now().await;
        for number in 0..12 {
            stage.enrol(&format!("token-{number}"), now - Duration::from_hours(1)).await;
            for other in 0..63 {
                stage
                    .enrol(&format!("other-{number}-{other}"), now - Duration::from_hours(1))
                    .await;
            }
        }
        let report = stage.run().await;
        assert_eq!((report.logged_in, report.failed), (12, 0), "{kind}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_this_worker_is_not_configured_for_are_left_alone() {
    on_each(async |kind| {
        let stage = Stage::quartile(kind, Settings::default()).await;
        let now = stage.now().await;
        for number in 0..300 {
            let stranger = format!("stranger-{number}").parse().unwrap();
            stage.store.enrol(&stranger, "oauth2", now).await.unwrap();
        }
        assert_eq!(stage.run().await.taken_up(), 1, "{kind}");
        let stranger = stage.store.read(&"stranger-7".parse().unwrap()).await.unwrap().unwrap().0;
        assert_eq!((stranger.worker, stranger.failures), (None, 0), "{kind}");
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
    let name = database.url.rsplit('/').next().unwrap();
    stage.store.close().await;
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    assert_eq!(harness::servers::postgres().execute(name, &sql).trim(), "1");
}
