//! What all requests share, and the way of each of them: host, key, body, route.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
    response::{IntoResponse, Response},
};
use tokenkeeper_shared::{
    http::{bodies, credentials, problem::Problem},
    metrics::attempts::Attempts,
    store::StoreError,
};
use tower_service::Service;

use super::{
    access::{self, Access, Caller, Client, Denied},
    counters::Counters,
    hosts::Hosts,
    log::Log,
    ready::Ready,
    routes,
};
use crate::{Consumer, Error, NoToken};

/// The server without its sockets.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) consumer: Consumer,
    pub(super) access: Access,
    pub(super) counters: Counters,
    pub(super) attempts: Attempts,
    pub(super) ready: Ready,
    pub(super) log: Log,
    pub(super) hosts: Hosts,
    pub(super) behind_proxy: bool,
}

impl Site {
    /// A failure as the caller is told it; what is the server's own goes to its log.
    pub(super) fn problem(&self, error: &Error) -> Problem {
        if let Error::Store(inner) | Error::NoToken(NoToken::Store(inner)) = error {
            self.note_store(inner);
        }
        Problem::from(error)
    }

    fn note_store(&self, error: &StoreError) {
        self.log.note(&format!("warning: {error}"));
    }
}

/// Answers one request.
pub(super) async fn answer(
    site: &Site,
    mut router: Router,
    client: Arc<Client>,
    mut request: Request<Body>,
) -> Response {
    let mut response = match admit(site, client, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
        Err(problem) => {
            let mut response = problem.into_response();
            // A body that nobody will read may follow.
            if bodies::check(request.method(), request.headers()).is_err() {
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            }
            response
        }
    };
    let headers = response.headers_mut();
    // Tokens, and errors about them, are for the caller alone and for now.
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// Lets a request in, or says why not.
fn admit(site: &Site, client: Arc<Client>, request: &Request<Body>) -> Result<Caller, Problem> {
    let (path, headers) = (request.uri().path(), request.headers());
    bodies::check(request.method(), headers)?;
    let forwarded = site.behind_proxy.then(|| access::forwarded_peer(headers)).flatten();
    let peer = forwarded.unwrap_or(client.peer);
    if routes::is_open(path) {
        return Ok(Caller { client, peer, key: None });
    }
    site.hosts.check(request.uri(), headers, &client)?;
    if routes::judges_itself(path) {
        return Ok(Caller { client, peer, key: None });
    }
    let text = credentials::bearer(headers).ok_or(Denied::Unknown)?;
    let key = Some(site.access.judge(text, &client, peer)?);
    Ok(Caller { client, peer, key })
}

/// The server waits no longer than an exchange takes, whatever the caller asks for.
pub(super) const LONGEST_WAIT: Duration = crate::WAIT;

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
