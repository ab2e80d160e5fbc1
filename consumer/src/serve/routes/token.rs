//! `GET /v1/tokens/{name}`: the token, waiting a bounded time while a worker is at it.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokenkeeper_shared::{http::problem::Problem, token::State as TokenState};
use tokio::time::Instant;
use url::form_urlencoded;

use super::{json, visible_name};
use crate::{
    AccessToken, Request as Wishes, Warning, cli,
    serve::{
        access::Caller,
        site::{LONGEST_WAIT, Site},
    },
};

/// What a caller gets. Fields are only ever added.
#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    access_token: &'a str,
    token_type: &'a str,
    scope: Option<&'a str>,
    expires_at: Option<String>,
    expires_in: u64,
    generation: i64,
    state: TokenState,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
}

impl<'a> Answer<'a> {
    fn of(token: &'a AccessToken) -> Self {
        Self {
            name: token.row().name.as_str(),
            access_token: token.expose(),
            token_type: token.token_type(),
            scope: token.scope(),
            expires_at: token.expires_at().map(cli::failure::time),
            expires_in: token.expires_in().as_secs(),
            generation: token.generation(),
            state: token.row().state,
            warning: token.warning(),
        }
    }
}

pub(super) async fn get(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Response {
    let began = Instant::now();
    match find(&site, &caller, request).await {
        Ok(token) => {
            site.counters.answered("ok", began.elapsed());
            site.ready.served(token.expires_in());
            let mut response = json(StatusCode::OK, &Answer::of(&token));
            let tag = HeaderValue::try_from(format!("\"{}\"", token.generation()));
            tag.map(|tag| response.headers_mut().insert(header::ETAG, tag)).ok();
            response
        }
        Err(problem) => {
            site.counters.answered(problem.code, began.elapsed());
            problem.into_response()
        }
    }
}

async fn find(
    site: &Site,
    caller: &Caller,
    request: Request<Body>,
) -> Result<AccessToken, Problem> {
    let name = visible_name(request.uri(), caller)?;
    let wishes = wishes(request.uri().query().unwrap_or_default())?;
    site.consumer.get(&name, wishes).await.map_err(|error| site.problem(&error))
}

/// `min_ttl` and `wait`, as durations (`90s`, `15m`) or seconds.
fn wishes(query: &str) -> Result<Wishes, Problem> {
    let (mut min_ttl, mut wait) = (None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*key {
            "min_ttl" => &mut min_ttl,
            "wait" => &mut wait,
            _ => return Err(Problem::bad_request("the parameters are min_ttl and wait")),
        };
        if place.is_some() {
            return Err(Problem::bad_request(format!("{key} is given twice")));
        }
        let advice =
            || Problem::bad_request(format!("{key} takes seconds, or a duration like 90s"));
        *place = Some(duration(&value).ok_or_else(advice)?);
    }
    let usual = Wishes::default();
    let wait = wait.unwrap_or(usual.wait).min(LONGEST_WAIT);
    Ok(Wishes { min_ttl: min_ttl.unwrap_or(usual.min_ttl), wait, ..usual })
}

fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_seconds_or_durations_and_the_wait_is_bounded() {
        let read = |query| wishes(query).map(|wishes| (wishes.min_ttl, wishes.wait)).ok();
        let seconds = Duration::from_secs;
        assert_eq!(read(""), Some((seconds(60), seconds(30))));
        assert_eq!(read("min_ttl=5&wait=0"), Some((seconds(5), Duration::ZERO)));
        assert_eq!(read("wait=1500ms"), Some((seconds(60), Duration::from_millis(1500))));
        assert_eq!(read("wait=1h"), Some((seconds(60), LONGEST_WAIT)));
        assert_eq!(read("min_ttl=18446744073709551615"), Some((seconds(u64::MAX), seconds(30))));
        for bad in ["wait=", "wait=soon", "wait=-1", "wait=1&wait=2", "WAIT=1", "x=1", "wait"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
