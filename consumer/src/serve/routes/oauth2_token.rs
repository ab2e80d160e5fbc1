//! `POST /oauth2/token`: a token endpoint (RFC 6749, 4.4) for OAuth2 clients that know no other way.
//! The client's id is the token's name, its secret a key; what it gets is the managed token.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::json;
use tokenkeeper_shared::{
    http::{bodies, credentials, problem::Problem},
    secret::Secret,
};
use tokio::time::Instant;
use url::form_urlencoded;

use super::json;
use crate::{
    AccessToken, Request as Wishes, TokenName,
    serve::{
        access::{Caller, Denied},
        problem::NO_SUCH_NAME,
        site::Site,
    },
};

/// RFC 6749, 5.1.
#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// RFC 6749, 5.2.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after: Option<Duration>,
    /// Which scheme the client has used, which the answer must name.
    challenge: bool,
}

/// Who the client says it is.
struct Credentials {
    id: String,
    secret: Secret,
    by_header: bool,
}

pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Response {
    let began = Instant::now();
    let mut response = match grant(&site, &caller, request).await {
        Ok(token) => {
            site.counters.answered("ok", began.elapsed());
            site.ready.served(token.expires_in());
            json(
                StatusCode::OK,
                &Granted {
                    access_token: token.expose(),
                    token_type: token.token_type(),
                    expires_in: token.expires_in().as_secs(),
                    scope: token.scope(),
                },
            )
        }
        Err(refused) => {
            site.counters.answered(refused.error, began.elapsed());
            refused.into_response()
        }
    };
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn grant(
    site: &Site,
    caller: &Caller,
    request: Request<Body>,
) -> Result<AccessToken, Refused> {
    let headers = request.headers().clone();
    let body = bodies::read(request, "application/x-www-form-urlencoded").await?;
    let mut form = Form::read(&body)?;
    let credentials = credentials(&headers, &mut form)?;
    let denied = || Refused::client(credentials.by_header);
    let key = match site.access.judge(credentials.secret.expose(), &caller.client, caller.peer) {
        Ok(key) => key,
        Err(Denied::Unknown) => return Err(denied()),
        Err(paused @ Denied::Paused(_)) => return Err(Problem::from(paused).into()),
    };
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Err(Refused::bad("unsupported_grant_type", "client_credentials it is")),
        None => return Err(Refused::bad("invalid_request", "grant_type is missing")),
    }
    // A wrong name looks as a wrong key does: a client knows neither until both are right.
    let Ok(name) = credentials.id.parse::<TokenName>() else { return Err(denied()) };
    if !key.tokens.includes(&name) {
        return Err(denied());
    }
    site.consumer.get(&name, Wishes::default()).await.map_err(|error| {
        let problem = site.problem(&error);
        if problem.code == NO_SUCH_NAME { denied() } else { problem.into() }
    })
}

/// The parameters that count. A wished scope or audience does not: the managed token is as the
/// worker got it, and its own scope is in the answer (RFC 6749, 3.3).
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refused> {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            let place = match &*key {
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                _ => continue,
            };
            // RFC 6749, 3.2: not more than once; without a value is as if omitted.
            if place.is_some() {
                return Err(Refused::bad("invalid_request", "a parameter is given twice"));
            }
            *place = Some(value.into_owned()).filter(|value| !value.is_empty());
        }
        Ok(form)
    }
}

/// RFC 6749, 2.3.1: by HTTP Basic or in the body, and not by both (2.3).
fn credentials(headers: &HeaderMap, form: &mut Form) -> Result<Credentials, Refused> {
    if !headers.contains_key(header::AUTHORIZATION) {
        let (id, secret) = (form.client_id.take(), form.client_secret.take());
        let (Some(id), Some(secret)) = (id, secret) else { return Err(Refused::client(false)) };
        return Ok(Credentials { id, secret: Secret::new(secret), by_header: false });
    }
    if form.client_secret.is_some() {
        let advice = "send the secret in the header or in the body, not in both";
        return Err(Refused::bad("invalid_request", advice));
    }
    let basic = credentials::credentials(headers, "Basic");
    let (id, secret) = basic.and_then(basic_pair).ok_or_else(|| Refused::client(true))?;
    if form.client_id.as_ref().is_some_and(|other| *other != id) {
        return Err(Refused::bad("invalid_request", "header and body name different clients"));
    }
    Ok(Credentials { id, secret, by_header: true })
}

fn basic_pair(encoded: &str) -> Option<(String, Secret)> {
    let text = Secret::new(String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?);
    let (id, secret) = text.expose().split_once(':')?;
    Some((unescaped(id), Secret::new(unescaped(secret))))
}

/// RFC 6749, 2.3.1 has both written as in a form; many clients do not, and no name or key has a
/// character that reads otherwise then.
fn unescaped(text: &str) -> String {
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs.next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

impl Refused {
    fn bad(error: &'static str, description: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.to_owned(),
            retry_after: None,
            challenge: false,
        }
    }

    fn client(challenge: bool) -> Self {
        let description = "the client's id is a token's name, its secret a key that may see it";
        let status = StatusCode::UNAUTHORIZED;
        Self { status, challenge, ..Self::bad("invalid_client", description) }
    }

    fn into_response(self) -> Response {
        let Self { status, error, description, retry_after, challenge } = self;
        let object = json!({ "error": error, "error_description": description });
        let mut response = json(status, &object);
        let headers = response.headers_mut();
        if let Some(pause) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
        }
        if challenge {
            let basic = HeaderValue::from_static("Basic realm=\"tokenkeeper\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// The same statuses as elsewhere but for 409: RFC 6749 knows 400 for a grant that is no good.
impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let Problem { status, detail, retry_after, .. } = problem;
        let (status, error) = match status {
            StatusCode::CONFLICT => (StatusCode::BAD_REQUEST, "invalid_grant"),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                (status, "temporarily_unavailable")
            }
            StatusCode::INTERNAL_SERVER_ERROR => (status, "server_error"),
            _ => (status, "invalid_request"),
        };
        Self { status, error, description: detail, retry_after, challenge: false }
    }
}

pub(super) const PATH: &str = "/oauth2/token";
