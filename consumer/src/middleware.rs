//! A middleware for `reqwest` (crate `reqwest-middleware`): each request bears the token, and one that
//! is answered 401 is reported, and repeated once with the next token.

use std::time::Duration;

use http::{Extensions, HeaderValue, StatusCode, header::AUTHORIZATION};
use reqwest::{Response, Url};
use reqwest_middleware::{Middleware, Next};

use crate::{AccessToken, Consumer, Request, TokenName};

/// Adds `Authorization` to the requests of one client.
#[derive(Debug, Clone)]
pub struct Authorize {
    consumer: Consumer,
    name: TokenName,
    request: Request,
    patience: Duration,
    origin: Option<url::Origin>,
}

impl Authorize {
    /// With the token of this name, on each request of the client: use a client for one API, or
    /// [`Authorize::only_to`].
    #[must_use]
    pub fn new(consumer: Consumer, name: TokenName) -> Self {
        Self { consumer, name, request: Request::default(), patience: PATIENCE, origin: None }
    }

    /// On requests to this address' scheme, host and port only: others leave without a token.
    #[must_use]
    pub fn only_to(self, api: &Url) -> Self {
        Self { origin: Some(api.origin()), ..self }
    }

    /// How the token is asked for.
    #[must_use]
    pub fn with(self, request: Request) -> Self {
        Self { request, ..self }
    }

    /// How long after a 401 to wait for the next token: default five seconds. It comes when a worker
    /// runs; one that is started every few minutes is not worth a longer wait.
    #[must_use]
    pub fn wait_after_401(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn token(&self) -> reqwest_middleware::Result<AccessToken> {
        let token = self.consumer.get(&self.name, self.request).await;
        token.map_err(reqwest_middleware::Error::middleware)
    }

    /// The token after the one that was refused, if it comes in time.
    async fn next(&self, refused: &AccessToken) -> Option<AccessToken> {
        if let Err(error) = self.consumer.report_rejected(refused).await {
            // Without the right to write the next token still comes, in its own time.
            tracing::warn!("{}: a refused token could not be reported: {error}", self.name);
        }
        self.consumer.newer(refused, self.patience).await.ok().flatten()
    }
}

#[async_trait::async_trait]
impl Middleware for Authorize {
    async fn handle(
        &self,
        mut request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let is_meant = self.origin.as_ref().is_none_or(|origin| *origin == request.url().origin());
        if !is_meant || request.headers().contains_key(AUTHORIZATION) {
            return next.run(request, extensions).await;
        }
        let token = self.token().await?;
        // A body that is a stream cannot be sent twice.
        let again = request.try_clone();
        request.headers_mut().insert(AUTHORIZATION, header(&token)?);
        let answer = next.clone().run(request, extensions).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match (again, self.next(&token).await) {
            (Some(mut again), Some(newer)) => {
                again.headers_mut().insert(AUTHORIZATION, header(&newer)?);
                next.run(again, extensions).await
            }
            _ => Ok(answer),
        }
    }
}

/// RFC 6750, 2.1. `reqwest` and `hyper` print no value that is marked sensitive.
fn header(token: &AccessToken) -> reqwest_middleware::Result<HeaderValue> {
    let text = format!("{} {}", token.token_type(), token.expose());
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        // The error's own text holds nothing of the value, and neither may ours.
        reqwest_middleware::Error::middleware(Unfit(token.row().name.clone()))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Debug, thiserror::Error)]
#[error("\"{0}\": its type or its token does not fit into a header")]
struct Unfit(TokenName);

/// Long enough for a worker that is woken by the report, short enough for a caller.
const PATIENCE: Duration = Duration::from_secs(5);
