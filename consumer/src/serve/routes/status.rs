//! `GET /`: the status page, for people. A browser cannot send a bearer key, so this path also takes
//! the key as the password of HTTP Basic, whoever the user is.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use tokenkeeper_shared::{
    http::{credentials, problem::Problem},
    secret::Secret,
};
use url::form_urlencoded;

use crate::{
    Error, TokenName,
    serve::{
        access::{Caller, Denied},
        keys::Key,
        page::{self, Entry},
        site::Site,
    },
};

pub(super) async fn get(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Response {
    let judged = key_text(request.headers())
        .ok_or(Denied::Unknown)
        .and_then(|text| site.access.judge(text.expose(), &caller.client, caller.peer));
    let key = match judged {
        Ok(key) => key,
        Err(denied) => return ask_for_key(denied),
    };
    let query = request.uri().query().unwrap_or_default();
    let after = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "after");
    let after = after.map(|(_, name)| name.parse::<TokenName>()).transpose();
    let Ok(after) = after else {
        return Problem::bad_request("after takes a token's name").into_response();
    };
    match page(&site, &key, after).await {
        Ok(text) => {
            let mut response = Response::new(text.into());
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HTML);
            headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }
        Err(error) => site.problem(&error).into_response(),
    }
}

/// `GET /status.js`: what keeps the page new.
pub(super) async fn script() -> Response {
    let mut response = Response::new(page::SCRIPT.into());
    response.headers_mut().insert(header::CONTENT_TYPE, JAVASCRIPT);
    response
}

async fn page(site: &Site, key: &Key, after: Option<TokenName>) -> Result<String, Error> {
    let now = site.consumer.now().await?;
    let (mut entries, mut after, mut is_last) = (Vec::new(), after, false);
    while entries.len() < MOST && !is_last {
        let rows = site.consumer.list(after.as_ref(), PAGE).await?;
        is_last = rows.len() < usize::from(PAGE);
        for token in rows {
            after = Some(token.name.clone());
            if key.tokens.includes(&token.name) {
                let events = site.consumer.0.store.history(&token.name, EVENTS).await?;
                entries.push(Entry { token, events });
            }
            if entries.len() == MOST {
                is_last = false;
                break;
            }
        }
    }
    let more = after.as_ref().filter(|_| !is_last).map(TokenName::as_str);
    Ok(page::render(&entries, now, more))
}

fn key_text(headers: &HeaderMap) -> Option<Secret> {
    if let Some(text) = credentials::bearer(headers) {
        return Some(Secret::new(text));
    }
    let pair = BASE64_STANDARD.decode(credentials::credentials(headers, "Basic")?).ok()?;
    let pair = Secret::new(String::from_utf8(pair).ok()?);
    pair.expose().split_once(':').map(|(_, key)| Secret::new(key))
}

fn ask_for_key(denied: Denied) -> Response {
    let mut response = Problem::from(denied).into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        let basic =
            HeaderValue::from_static("Basic realm=\"tokenkeeper: any user, a key as password\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// Nothing may be loaded but our script, and nothing be asked but this server; the one style is told
/// by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(page::STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) const PATH: &str = "/";
pub(super) const SCRIPT_PATH: &str = page::SCRIPT_PATH;
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
/// More on one page is for machines: see `/metrics`.
const MOST: usize = 100;
const PAGE: u16 = 500;
/// Of one token: a stroke each, on less than as many pixels.
const EVENTS: u16 = 200;
