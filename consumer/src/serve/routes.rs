//! The paths, one file each, and what they have in common.

mod health;
mod metrics;
mod oauth2_token;
mod openapi;
mod rejected;
mod status;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, Response, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde::Serialize;
use tokenkeeper_shared::http::problem::Problem;

use super::{access::Caller, problem::no_such_name, site::Site};
use crate::TokenName;

/// What each path is answered by.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/v1/tokens/{name}", get(token::get))
        .route("/v1/tokens/{name}/rejected", post(rejected::post))
        .route(oauth2_token::PATH, post(oauth2_token::post))
        .route(status::PATH, get(status::get))
        .route(status::SCRIPT_PATH, get(status::script))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::get))
        .route("/openapi.json", get(openapi::get))
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "no_such_path", "see /openapi.json for the paths")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "see /openapi.json for the methods of this path",
            )
        })
        .with_state(site)
}

/// Whether a path is answered without a key: nothing that it tells is about a token.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | status::SCRIPT_PATH)
}

/// Whether a path looks at the key by itself.
pub(super) fn judges_itself(path: &str) -> bool {
    matches!(path, oauth2_token::PATH | status::PATH)
}

/// The name in a path, as it stands there: no name needs an escape, and two spellings of one name
/// would be one too many for whoever guards paths in front of this server.
fn name_in(uri: &Uri) -> Result<TokenName, Problem> {
    let rest = uri.path().strip_prefix("/v1/tokens/").unwrap_or_default();
    let name = rest.split('/').next().unwrap_or_default();
    name.parse().map_err(|error: crate::InvalidName| Problem::bad_request(error.to_string()))
}

/// The name in a path, where the caller's key may see it.
fn visible_name(uri: &Uri, caller: &Caller) -> Result<TokenName, Problem> {
    let name = name_in(uri)?;
    match &caller.key {
        Some(key) if key.tokens.includes(&name) => Ok(name),
        _ => Err(no_such_name(&name)),
    }
}

fn json(status: StatusCode, object: &impl Serialize) -> axum::response::Response {
    match serde_json::to_vec(object) {
        Ok(bytes) => {
            let mut response = Response::new(bytes.into());
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            response
        }
        Err(error) => {
            let detail = format!("the answer does not write: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
