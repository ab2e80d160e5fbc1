//! Requests' bodies: small, of a length told beforehand, of the kind that the route takes, in time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};

use super::problem::Problem;

/// Whether a request's body is one that this server reads at all. Nothing here needs a body in
/// chunks, and without them no proxy on the way can count it otherwise than this server does.
///
/// # Errors
/// [`Problem`]: what to send instead.
pub fn check(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Problem::new(
            StatusCode::LENGTH_REQUIRED,
            "length_required",
            "send the body whole, with its Content-Length",
        ));
    }
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    if *method != Method::POST && !is_empty {
        return Err(Problem::bad_request(format!("a {method} has no body here")));
    }
    Ok(())
}

/// Reads the body of a POST, which must be of this `kind`.
///
/// # Errors
/// [`Problem`]: what to send instead.
pub async fn read(request: Request<Body>, kind: &str) -> Result<Bytes, Problem> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(kind) {
        let advice = format!("send the body as {kind}");
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            advice,
        ));
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MOST_BYTES) {
        return Err(too_large());
    }
    let body = axum::body::to_bytes(request.into_body(), MOST_BYTES);
    match tokio::time::timeout(IN_TIME, body).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the body did not arrive in time",
        )),
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("a body has {MOST_BYTES} bytes at most"),
    )
}

/// Client credentials with a long scope are some hundred bytes.
const MOST_BYTES: usize = 8 * 1024;
const IN_TIME: Duration = Duration::from_secs(10);
