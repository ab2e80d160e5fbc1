//! The protocol of Azure Functions' custom handlers: the host calls `POST /FUNCTION` on this machine with what the timer
//! said, and reads outputs, lines for its log and a value. The functions are `Refresh` and `Cleanup`.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokenkeeper_shared::{
    exit::Exit,
    http::{bodies, problem::Problem},
};

use super::{
    super::site::{Called, Site},
    routes::{called, closed, healthz, json, problem},
};
use crate::order::Order;

pub(in crate::cli::daemon) fn router(site: Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/Refresh", post(refresh))
        .route("/Cleanup", post(cleanup));
    closed(routes, "POST /Refresh and /Cleanup").with_state(site)
}

async fn refresh(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    answered(&site, request, Order::Run(Vec::new())).await
}

/// All that the configuration names, as the timer says when.
async fn cleanup(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let names: Vec<String> = site.context().config.cleanups.keys().cloned().collect();
    if names.is_empty() {
        let detail =
            "no [cleanup.NAME] is configured: write one, or leave the function `Cleanup` out";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Problem::new(status, "not_configured", detail).into_response();
    }
    answered(&site, request, Order::Cleanup(names)).await
}

async fn answered(site: &Site, request: Request<Body>, order: Order) -> Response {
    let done = async {
        let body = bodies::read(request, "application/json").await?;
        check(&body)?;
        tell(site.call(order).await)
    };
    done.await.map_or_else(IntoResponse::into_response, |answer| json(&answer))
}

/// What is sent is the timer's; only that it is a call of the host counts.
fn check(body: &[u8]) -> Result<(), Problem> {
    let call = serde_json::from_slice::<Value>(body).ok();
    let is_hosts =
        call.is_some_and(|call| call["Data"].is_object() && call["Metadata"].is_object());
    let wrong =
        || Problem::bad_request("send {\"Data\": {…}, \"Metadata\": {…}}, as the host does");
    is_hosts.then_some(()).ok_or_else(wrong)
}

/// A failure of the function is what its host tries again, where it was told to.
fn tell(what: Called) -> Result<Value, Problem> {
    let Called::Done(Ok(answer)) = what else { return called(what) };
    if answer.exit == Exit::Temporary {
        let failure =
            tokenkeeper_shared::exit::Failure::new(answer.exit, answer.report.to_string());
        return Err(problem(&failure));
    }
    let words = if answer.words.is_empty() { "nothing was due" } else { &answer.words };
    let logs = [words.to_owned(), answer.report.to_string()];
    Ok(json!({ "Outputs": {}, "Logs": logs, "ReturnValue": null }))
}
