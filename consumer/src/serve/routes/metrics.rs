//! `GET /metrics` for Prometheus: what the database knows of the tokens that the key may see, so that
//! it is right when workers are timers, and what this process has answered.

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::{HeaderValue, header},
    response::Response,
};
use tokenkeeper_shared::metrics::{self, Families};

use crate::{
    Error, TokenName,
    serve::{access::Caller, site::Site},
};

pub(super) async fn get(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let read = read(&site, &caller).await;
    if let Err(error) = &read {
        site.problem(error);
    }
    let mut text = metrics::text(read.ok().as_ref());
    site.counters.write(&mut text);
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// Of the tokens that the key may see.
async fn read(site: &Site, caller: &Caller) -> Result<Families, Error> {
    let Some(key) = &caller.key else { return Ok(Families::default()) };
    site.consumer.0.check_schema().await?;
    let includes = |name: &TokenName| key.tokens.includes(name);
    Ok(Families::read(&site.consumer.0.store, &site.attempts, includes).await?)
}

const TEXT: HeaderValue = HeaderValue::from_static(metrics::CONTENT_TYPE);
