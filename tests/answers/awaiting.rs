//! Providers that are too slow: P3. Each test here lasts as long as an exchange may, so that all of
//! them should begin first: the names of this file and of its tests come early in the alphabet.

use std::time::Duration;

use tokenkeeper_worker::{provider::Provider, sandbox::Fault};
use tokio::time::Instant;

use crate::{
    ground::{Ground, class, kept, quartile},
    raw::{Raw, Then},
};

/// One exchange with a provider that is too slow, and how long it took. A dripping one may just
/// have given its new refresh token away; then that is kept.
async fn awaited(provider: Provider, ground: &Ground, fault: Fault) -> Duration {
    let (name, begun) = (format!("{fault:?}"), Instant::now());
    let outcome = ground.spoiled(&provider, fault).await;
    if kept(&outcome).is_some() {
        assert_eq!((class(&outcome), name.as_str()), ("partial", "Drip"));
        assert_eq!(kept(&outcome), ground.newest());
    } else {
        assert_eq!(class(&outcome), "uncertain", "{name}");
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_or_dripping_provider_is_left_after_thirty_seconds() {
    let faults = [
        Fault::Hang { processed: false },
        Fault::Hang { processed: true },
        Fault::Drip,
        Fault::DripHeaders,
    ];
    let mut exchanges = tokio::task::JoinSet::new();
    for fault in faults {
        for is_quartile in [false, true] {
            let fault = fault.clone();
            exchanges.spawn(async move {
                let ground = Ground::new().await;
                let provider = if is_quartile { ground.quartile() } else { ground.oauth2() };
                awaited(provider, &ground, fault).await
            });
        }
    }
    for elapsed in exchanges.join_all().await {
        assert!((30..33).contains(&elapsed.as_secs()), "{elapsed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_that_has_no_end_keeps_its_refresh_token() {
    let ground = Ground::new().await;
    let body = r#"{"authorization":{"token":"access-1"},"refresh":{"token":"refresh-1"}}"#;
    let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n";
    let server = Raw::answering(format!("{head}{body}"), Then::Wait).await;
    let provider = quartile(&format!("http://{}/auth/v2", server.address));
    let outcome = ground.judged(&provider, &ground.refresh()).await;
    assert_eq!(kept(&outcome).as_deref(), Some("refresh-1"), "{outcome:?}");
}
