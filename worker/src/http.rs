//! Sending one request and saying honestly what became of it. Every bound stands here; the
//! judgement does not.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use chrono::{DateTime, Utc};
use reqwest::{Certificate, Client, Response, header, redirect};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::{config::is_loopback, outcome::Reply, provider::ProviderRequest};

/// Clients by how they travel, made when first needed: each costs milliseconds and holds its own
/// connections.
#[derive(Debug, Default)]
pub struct Http {
    clients: Mutex<HashMap<Route, Client>>,
}

/// What makes two requests need different clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Route {
    is_loopback: bool,
    ca_file: Option<PathBuf>,
}

impl Http {
    /// Sends the request, once: a refresh token is never sent twice behind our back.
    pub async fn send(&self, request: &ProviderRequest) -> Reply {
        let route =
            Route { is_loopback: is_loopback(&request.url), ca_file: request.ca_file.clone() };
        let client = match self.client(route) {
            Ok(client) => client,
            Err(why) => return Reply::Unsendable(why),
        };
        let mut builder = client
            .post(request.url.clone())
            .header(header::CONTENT_TYPE, request.content_type)
            .header(header::ACCEPT, "application/json")
            .body(request.body.expose().to_owned());
        for (name, value) in &request.headers {
            match header::HeaderValue::from_str(value.expose()) {
                Ok(mut secret) => {
                    secret.set_sensitive(true);
                    builder = builder.header(name, secret);
                }
                Err(_) => {
                    return Reply::Unsendable(format!("the value of header {name} cannot be sent"));
                }
            }
        }
        let deadline = Instant::now() + EXCHANGE;
        match timeout_at(deadline, builder.send()).await {
            Ok(Ok(response)) => read(response, &request.url, deadline).await,
            Ok(Err(error)) => failed(&error, &request.url),
            Err(_) => Reply::Lost(too_late(&request.url)),
        }
    }

    /// Asks who is there, without a credential and whatever it answers: what its header `Date` says.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn greet(
        &self,
        url: &Url,
        ca_file: Option<&Path>,
    ) -> Result<Option<DateTime<Utc>>, String> {
        let ca_file = ca_file.map(Path::to_owned);
        let client = self.client(Route { is_loopback: is_loopback(url), ca_file })?;
        match timeout(EXCHANGE, client.head(url.clone()).send()).await {
            Ok(Ok(response)) => {
                let date = response.headers().get(header::DATE);
                let date =
                    date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
                Ok(date.map(DateTime::from))
            }
            Ok(Err(error)) => Err(format!("{} cannot be reached: {}", host(url), cause(&error))),
            Err(_) => Err(too_late(url)),
        }
    }

    fn client(&self, route: Route) -> Result<Client, String> {
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&route) {
            return Ok(client.clone());
        }
        let client = build(&route)?;
        clients.insert(route, client.clone());
        Ok(client)
    }
}

fn failed(error: &reqwest::Error, url: &Url) -> Reply {
    let cause = cause(error);
    // Name resolution, connection and TLS: nothing of the request has left.
    if error.is_connect() {
        Reply::NotSent(format!("{} cannot be reached: {cause}", host(url)))
    } else if error.is_builder() {
        Reply::Unsendable(cause)
    } else {
        Reply::Lost(format!("{} gave no answer: {cause}", host(url)))
    }
}

async fn read(mut response: Response, url: &Url, deadline: Instant) -> Reply {
    let status = response.status().as_u16();
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let retry_after = text(header::RETRY_AFTER);
    let target = text(header::LOCATION).and_then(|location| url.join(&location).ok());
    let redirect_host = target.as_ref().map(host);
    let mut body = Vec::new();
    let why = loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => {
                return Reply::Answered { status, retry_after, redirect_host, body };
            }
            Ok(Err(error)) => break format!("{}'s answer broke off: {}", host(url), cause(&error)),
            Err(_) => break too_late(url),
        }
        if body.len() > LARGEST_ANSWER {
            body.truncate(LARGEST_ANSWER);
            break format!("{}'s answer is larger than 1 MiB", host(url));
        }
    };
    // A refusal is a refusal, whole or not; a broken success may still hold a refresh token.
    if (200..300).contains(&status) {
        Reply::Broken { body, why }
    } else {
        Reply::Answered { status, retry_after, redirect_host, body }
    }
}

fn too_late(url: &Url) -> String {
    format!("{} gave no whole answer in {EXCHANGE:?}", host(url))
}

fn build(route: &Route) -> Result<Client, String> {
    let mut builder = Client::builder()
        .user_agent(concat!("tokenkeeper/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true);
    if route.is_loopback {
        builder = builder.no_proxy();
    }
    if let Some(file) = &route.ca_file {
        builder = builder.tls_certs_merge(certificates(file)?);
    }
    builder.build().map_err(|error| format!("TLS cannot be set up: {}", cause(&error)))
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let told = |what: &str| format!("ca_file {}: {what}", file.display());
    let pem = fs::read(file).map_err(|error| told(&format!("it cannot be read: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(told("it holds no PEM certificate")),
    }
}

/// The innermost cause: reqwest's own text repeats the URL, whose query may hold anything.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::eq(cause, error) {
        "the request is malformed".to_owned()
    } else {
        cause.to_string()
    }
}

fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or("the provider"))
}

/// The whole of one request and its answer; well below the lease.
pub const EXCHANGE: Duration = Duration::from_secs(30);
/// Of which the connection may take this much.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that closes an idle connection just as a request goes out makes its outcome uncertain.
const IDLE: Duration = Duration::from_secs(5);
/// Far above any token answer, far below what would hurt.
const LARGEST_ANSWER: usize = 1024 * 1024;
