//! Many rows: of one provider, and of workers that are configured for others.

use std::time::Duration;

use tokenkeeper_worker::sandbox::Settings;

use crate::{on_each, stage::Stage};

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
