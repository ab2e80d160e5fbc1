//! The middleware for reqwest, against an API that wants the newest token.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::post,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokenkeeper_consumer::middleware::Authorize;
use tokio::{net::TcpListener, time::sleep};

use crate::{
    harness::databases::{Database, Kind, each},
    stage::{HOUR, Stage, name},
};

/// An API that takes one token, and what it was sent: token and body.
struct Api {
    url: reqwest::Url,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

type Shared = (&'static str, Arc<Mutex<Vec<(String, String)>>>);

impl Api {
    async fn wanting(token: &'static str) -> Self {
        let seen = Arc::default();
        let shared: Shared = (token, Arc::clone(&seen));
        let router = Router::new().route("/", post(answer)).with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State((token, seen)): State<Shared>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let header = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let header = header.unwrap_or_default();
    let fits = header == format!("Bearer {token}");
    seen.lock().unwrap().push((header, body));
    if fits { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

fn client(authorize: Authorize) -> ClientWithMiddleware {
    // The binaries do this in `main`.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientBuilder::new(reqwest::Client::new()).with(authorize).build()
}

async fn stage(database: &Database) -> Stage {
    let stage = Stage::on(&database.url).await;
    stage.keep(HOUR).await;
    stage
}

fn sent(token: &str) -> (String, String) {
    (if token.is_empty() { String::new() } else { format!("Bearer {token}") }, "body".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_bears_the_token() {
    for kind in each() {
        let database = Database::fresh(kind);
        let (stage, api) = (stage(&database).await, Api::wanting("access-1").await);
        let client = client(Authorize::new(stage.remembering_consumer(HOUR), name()));
        for _ in 0..2 {
            let answer = client.post(api.url.clone()).body("body").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{kind}");
        }
        assert_eq!(api.seen(), [sent("access-1"), sent("access-1")], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_is_reported_and_the_request_repeated_once_with_the_next_token() {
    for kind in each() {
        let database = Database::fresh(kind);
        let (stage, api) = (stage(&database).await, Api::wanting("access-2").await);
        let client = client(
            Authorize::new(stage.remembering_consumer(HOUR), name()).wait_after_401(20 * SECOND),
        );
        // A worker that sees the report and renews.
        let worker = async {
            while api.seen().is_empty() {
                sleep(SECOND / 50).await;
            }
            stage.keep(HOUR).await;
        };
        let request = client.post(api.url.clone()).body("body").send();
        let (answer, ()) = tokio::join!(request, worker);
        assert_eq!(answer.unwrap().status(), StatusCode::OK, "{kind}");
        assert_eq!(api.seen(), [sent("access-1"), sent("access-2")], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_newer_token_the_401_is_the_answer() {
    let database = Database::fresh(Kind::Sqlite);
    let (stage, api) = (stage(&database).await, Api::wanting("another").await);
    let client =
        client(Authorize::new(stage.remembering_consumer(HOUR), name()).wait_after_401(SECOND / 2));
    let answer = client.post(api.url.clone()).body("body").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(api.seen(), [sent("access-1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_leaves_for_its_own_api_only() {
    let database = Database::fresh(Kind::Sqlite);
    let stage = stage(&database).await;
    let (api, other) = (Api::wanting("access-1").await, Api::wanting("access-1").await);
    let authorize = Authorize::new(stage.remembering_consumer(HOUR), name()).only_to(&api.url);
    let client = client(authorize);
    for url in [&api.url, &other.url] {
        client.post(url.clone()).body("body").send().await.unwrap();
    }
    assert_eq!((api.seen(), other.seen()), (vec![sent("access-1")], vec![sent("")]));
}

const SECOND: Duration = Duration::from_secs(1);
