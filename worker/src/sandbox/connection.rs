//! Accepting connections and serving HTTP/1.1 on them, or cutting them when an answer says so.
//! Routes are not here but in `sandbox`.

use std::{fmt, time::Duration};

use axum::{Router, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower_service::Service;

use super::pace::{Pace, Paced};

/// What the connection does with a response, marked in the response's extensions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Send nothing and close.
    Cut,
    /// Send it byte by byte, headers included.
    Slow,
}

impl Manner {
    pub fn mark(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Serves until dropped; the connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, router.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the sandbox cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the sandbox cannot switch Nagle's algorithm off");
    }
    let pace = Pace::default();
    let io = Paced::new(TokioIo::new(stream), pace.clone());
    let service = service_fn(|request| answer(router.clone(), &pace, request));
    if let Err(error) = http1::Builder::new().serve_connection(io, service).await {
        tracing::debug!(%error, "a connection to the sandbox ended early");
    }
}

/// An error makes hyper close the connection without an answer.
async fn answer(
    mut router: Router,
    pace: &Pace,
    request: Request<Incoming>,
) -> Result<Response, DeliberateCut> {
    let response = match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match response.extensions().get::<Manner>() {
        Some(Manner::Cut) => return Err(DeliberateCut),
        Some(Manner::Slow) => pace.slow_down(),
        None => {}
    }
    Ok(response)
}

#[derive(Debug)]
struct DeliberateCut;

impl fmt::Display for DeliberateCut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cut as the sandbox was told")
    }
}

impl std::error::Error for DeliberateCut {}

/// A process without file descriptors left gets some back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
