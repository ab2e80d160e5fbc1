//! Refresh tokens that are dead, spent or all that came, and answers that nearly got lost.

use std::{sync::Arc, time::Duration};

use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::Wish,
    token::State,
    wait::{self, Patience},
};
use tokenkeeper_worker::sandbox::{Fault, Rewrite, Rotation, Settings};

use crate::{
    harness::{databases::Kind, product::Product, servers::Server},
    on_each,
    stage::{Stage, later},
};

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
    for (kind, product) in [(Kind::Postgres, Product::Postgres), (Kind::MySql, Product::mysql())] {
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
