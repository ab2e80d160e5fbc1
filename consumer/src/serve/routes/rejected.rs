//! `POST /v1/tokens/{name}/rejected`: an API answered 401 to this generation.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokenkeeper_shared::{
    http::{bodies, problem::Problem},
    store::Report,
};

use super::{json, visible_name};
use crate::{
    cli,
    serve::{access::Caller, site::Site},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejected {
    generation: i64,
}

#[derive(Serialize)]
struct Answer {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Response {
    match report(&site, &caller, request).await {
        Ok((status, answer)) => json(status, &answer),
        Err(problem) => problem.into_response(),
    }
}

async fn report(
    site: &Site,
    caller: &Caller,
    request: Request<Body>,
) -> Result<(StatusCode, Answer), Problem> {
    let name = visible_name(request.uri(), caller)?;
    // The name is one that the key sees: only what it may do with it is told.
    if !caller.key.as_ref().is_some_and(|key| key.may_report) {
        let detail = "this key may read tokens and not report them";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let body = bodies::read(request, "application/json").await?;
    let Rejected { generation } = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_request("the body is {\"generation\": NUMBER}"))?;
    let report = site.consumer.report(&name, generation).await;
    told(report.map_err(|error| site.problem(&error))?)
}

fn told(report: Report) -> Result<(StatusCode, Answer), Problem> {
    let answer = |result| Answer { result, due: None, generation: None };
    Ok(match report {
        Report::Noted { due } => {
            let due = Some(cli::failure::time(due));
            (StatusCode::ACCEPTED, Answer { due, ..answer("noted") })
        }
        Report::Known => (StatusCode::OK, answer("known")),
        Report::Superseded { generation } => {
            (StatusCode::OK, Answer { generation: Some(generation), ..answer("superseded") })
        }
        Report::Updating => (StatusCode::OK, answer("updating")),
        Report::NotRenewed(state) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "not_renewed",
                format!("no worker renews this token: its state is {state}"),
            ));
        }
    })
}
