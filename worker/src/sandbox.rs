//! An OAuth2 provider in this process, on loopback, with short-lived tokens, rotation and reuse
//! detection. It shows newcomers a refresh and it plays every provider fault for the tests; it
//! keeps nothing and is no provider for anybody's real users. Nothing of the worker's own protocol
//! lives here.
//!
//! It serves Quartile's API (`/auth/v2`, `/auth/v3`), RFC 6749 (`/oauth2/token`), RFC 7662
//! (`/oauth2/introspect`) and a resource that a bearer token opens (`GET /resource`).

mod answer;
mod body;
mod connection;
mod control;
mod exchange;
mod fault;
mod form;
mod ledger;
mod observation;
mod pace;
mod protected;
mod provider;
mod quartile;
mod recorded;
mod rewrite;
mod rfc6749;
mod settings;
#[cfg(test)]
mod test_client;

use std::{fmt, io, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinHandle};

use self::provider::Provider;
pub use self::{
    fault::Fault,
    observation::{Counts, Exchange},
    recorded::Recorded,
    rewrite::Rewrite,
    settings::{Credentials, Rotation, Settings},
};

/// A running provider; dropping the handle stops it and closes its connections.
pub struct Sandbox {
    url: String,
    provider: Arc<Provider>,
    server: JoinHandle<()>,
}

/// A token pair for a grant that was opened without any exchange. `Debug` shows neither token.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pair([redacted])")
    }
}

/// Starting and stopping, and where the provider is.
impl Sandbox {
    /// Starts a provider on a free loopback port, inside the running tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::start_on(listener, settings).await
    }

    /// Starts a provider on a listener, for those who need to know the port beforehand.
    ///
    /// # Errors
    /// When the listener has no local address.
    #[expect(clippy::unused_async, reason = "spawning asks for a runtime, and this says so")]
    pub async fn start_on(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let provider = Arc::new(Provider::new(settings));
        let server = tokio::spawn(connection::serve(listener, router(Arc::clone(&provider))));
        Ok(Self { url, provider, server })
    }

    /// Stops the provider and waits until its port is free again: connections are refused from then
    /// on.
    pub async fn stop(mut self) {
        self.server.abort();
        // The task was told to end; how it ended is of no interest.
        let _ = (&mut self.server).await;
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base of Quartile's `login` and `refresh`: `{url}/auth/{version}`, for `v2` or `v3`.
    #[must_use]
    pub fn quartile_url(&self, version: &str) -> String {
        format!("{}/auth/{version}", self.url)
    }

    /// The token endpoint of RFC 6749.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/oauth2/token", self.url)
    }

    /// The introspection endpoint of RFC 7662.
    #[must_use]
    pub fn introspect_url(&self) -> String {
        format!("{}/oauth2/introspect", self.url)
    }

    /// The resource that an active bearer token opens.
    #[must_use]
    pub fn resource_url(&self) -> String {
        format!("{}/resource", self.url)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/auth/v2/login", post(quartile::login))
        .route("/auth/v2/refresh", post(quartile::refresh))
        .route("/auth/v3/login", post(quartile::login))
        .route("/auth/v3/refresh", post(quartile::refresh))
        .route("/oauth2/token", post(rfc6749::token))
        .route("/oauth2/introspect", post(protected::introspect))
        .route("/resource", get(protected::resource))
        .with_state(provider)
}

#[cfg(test)]
mod tests;
