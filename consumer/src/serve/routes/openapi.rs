//! `GET /openapi.json`: the description of all this for machines (`OpenAPI` 3.1).

use axum::response::Response;

use super::JSON;

pub(super) async fn get() -> Response {
    let mut response = Response::new(DOCUMENT.into());
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, JSON);
    response
}

const DOCUMENT: &str = include_str!("../openapi.json");
