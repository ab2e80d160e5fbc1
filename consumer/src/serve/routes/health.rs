//! `GET /healthz` and `/readyz`: for probes, without a key and without a word about any token.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::json;
use crate::serve::{ready::Readiness, site::Site};

/// The process lives: a database that is away must not have it restarted.
pub(super) async fn healthz() -> Response {
    json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The server can serve, be it from memory.
pub(super) async fn readyz(State(site): State<Arc<Site>>) -> Response {
    let (status, word) = match site.ready.ask(&site.consumer).await {
        Readiness::Ready => (StatusCode::OK, "ok"),
        Readiness::Degraded => (StatusCode::OK, "degraded"),
        Readiness::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    json(status, &json!({ "status": word }))
}
