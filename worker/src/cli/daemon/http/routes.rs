//! `/healthz`, `/readyz`, `/metrics`, and `POST /run` with a key.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Extension, State},
    http::{HeaderMap, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokenkeeper_shared::{
    clock::Clock,
    exit::{Exit, Failure},
    http::{bodies, credentials::bearer, digest::Digest, guesses::Peer, problem::Problem},
    metrics,
};

use super::super::site::{Called, Site};
use crate::{cli::output, daemon::systemd::now, order::Order};

pub(in crate::cli::daemon) fn router(site: Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(tell_metrics))
        .route("/run", post(run));
    closed(routes, "GET /healthz, /readyz and /metrics, POST /run").with_state(site)
}

/// What is answered beside these routes; it must be said after them.
pub(super) fn closed(routes: Router<Arc<Site>>, paths: &'static str) -> Router<Arc<Site>> {
    routes
        .fallback(async move || {
            Problem::new(StatusCode::NOT_FOUND, "no_such_path", format!("there are {paths}"))
        })
        .method_not_allowed_fallback(async move || {
            let detail = format!("there are {paths}");
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
}

/// The loop turns: a database that is away must not have the daemon restarted.
pub(super) async fn healthz(State(site): State<Arc<Site>>) -> Response {
    if site.pulse.beats(now()) {
        json(&json!({ "status": "ok" }))
    } else {
        let detail = "the loop has not turned for longer than it said: restart the daemon";
        unavailable("stuck", detail.to_owned()).into_response()
    }
}

async fn readyz(State(site): State<Arc<Site>>) -> Response {
    match site.look() {
        Ok(()) => json(&json!({ "status": "ok" })),
        Err(why) => unavailable("unavailable", why).into_response(),
    }
}

async fn tell_metrics(State(site): State<Arc<Site>>) -> Response {
    let read = site.families().await;
    if let Err(failure) = &read {
        tracing::info!("metrics without the database: {failure}");
    }
    let text = metrics::text(read.ok().as_ref());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

async fn run(
    State(site): State<Arc<Site>>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let asked = async {
        admit(&site, peer, request.headers())?;
        let order = Order::parse(&body(request).await?).map_err(Problem::bad_request)?;
        called(site.call(order).await)
    };
    asked.await.map_or_else(IntoResponse::into_response, |report| json(&report))
}

/// Who has the key. Hashes are compared: how long that takes tells nothing of the key.
fn admit(site: &Site, peer: Peer, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(key) = &site.key else {
        let detail = "no key is configured: start the daemon with --run-key-file FILE, or set TOKENKEEPER_RUN_KEY";
        return Err(Problem::new(StatusCode::FORBIDDEN, "no_key_configured", detail));
    };
    let wrong = || {
        let detail = "send the key of this daemon as `Authorization: Bearer KEY`";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    };
    let given = Digest::of(bearer(headers).ok_or_else(wrong)?);
    let now = site.clock.monotonic();
    if let Some(pause) = site.guesses.pause(peer, &given, now) {
        let detail = "too many wrong keys came from this address: wait before the next one";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail);
        return Err(problem.after(pause));
    }
    if given != *key {
        site.guesses.failed(peer, now);
        return Err(wrong());
    }
    site.guesses.succeeded(peer, given, now);
    Ok(())
}

/// Schedulers that send nothing name no type for it, or any.
async fn body(request: Request<Body>) -> Result<Bytes, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    if length.is_none_or(|length| length == "0") {
        return Ok(Bytes::new());
    }
    bodies::read(request, "application/json").await
}

/// The report, or why there is none.
pub(super) fn called(called: Called) -> Result<Value, Problem> {
    match called {
        Called::Done(Ok(answer)) => Ok(answer.report),
        Called::Done(Err(failure)) => Err(problem(&failure)),
        Called::Busy => {
            let detail = "a pass, or a clean-up that was called for, is under way: what is due is done by it";
            Err(Problem::new(StatusCode::CONFLICT, "busy", detail).after(AGAIN))
        }
    }
}

pub(super) fn problem(failure: &Failure) -> Problem {
    let detail = failure.message.clone();
    match failure.exit {
        Exit::Temporary => unavailable("temporary", detail).after(AGAIN),
        Exit::NoSuchName => Problem::new(StatusCode::NOT_FOUND, "no_such_name", detail),
        _ => {
            output::note(&format!("a call failed: {failure}"));
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        }
    }
}

fn unavailable(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
}

pub(super) fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A pass takes seconds, a database's restart a few more.
const AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokenkeeper_shared::settings::Environment;
    use tower_service::Service;

    use super::*;
    use crate::{cli::context::Context, daemon::pulse::Pulse, stop::Stop};

    #[tokio::test]
    async fn a_loop_that_does_not_keep_its_word_is_no_longer_healthy() {
        let environment = Environment::of([("HOME", "/nonexistent")]);
        let context = Arc::new(Context::load(environment, None, false).unwrap());
        let pulse = Arc::new(Pulse::new(now(), Duration::from_secs(60)));
        let site = Site::new(context, None, None, pulse.clone(), Stop::never());
        let mut router = router(Arc::new(site));
        let mut status = async || {
            let request = Request::get("/healthz").body(Body::empty()).unwrap();
            router.call(request).await.unwrap().status()
        };
        assert_eq!(status().await, StatusCode::OK);
        pulse.promise(now().checked_sub(Duration::from_secs(60)).unwrap(), Duration::from_secs(59));
        assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
