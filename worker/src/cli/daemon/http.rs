//! The daemon's server: a socket, connections with bounds, and the end. The paths are `routes`, and `azure` for that
//! cloud's host.

pub(super) mod azure;
pub(super) mod routes;

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    http::{bodies, guesses::Peer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tower_service::Service;

use crate::cli::output;

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens from now on.
    pub(super) async fn begin(address: SocketAddr, router: Router) -> Result<Self, Failure> {
        let deaf = |error| {
            let advice = "name another address, or end who has it";
            Failure::new(Exit::Usage, format!("cannot listen on {address}: {error}: {advice}"))
        };
        let listener = TcpListener::bind(address).await.map_err(deaf)?;
        let address = listener.local_addr().map_err(deaf)?;
        output::note(&format!("listening on http://{address}"));
        let (stop, asked) = watch::channel(false);
        Ok(Self { stop, task: tokio::spawn(serve(listener, router, asked)) })
    }

    /// Takes no more calls, and answers those that have come.
    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        // Who does not read its answer by then gets none.
        let _ = timeout(LAST_ANSWERS, self.task).await;
    }
}

async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let (mut connections, places) = (JoinSet::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    let asked = stop.clone();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let talk = converse(stream, Peer::of(peer.ip()), router.clone(), asked.clone());
                    connections.spawn(async move {
                        talk.await;
                        drop(place);
                    });
                }
                // No file descriptors are left: some come back when connections end.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: TcpStream, peer: Peer, router: Router, mut stop: watch::Receiver<bool>) {
    let service = service_fn(|request| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_IN_TIME)
        .max_headers(MOST_HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let asked_to_stop = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        // How a connection has failed is its client's business.
        _ = connection.as_mut() => {}
        () = asked_to_stop => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(
    mut router: Router,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut response = match bodies::check(request.method(), request.headers()) {
        Ok(()) => {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.call(request).await?
        }
        Err(problem) => {
            let mut response = problem.into_response();
            // A body that nobody will read may follow.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Probes, a scraper and a scheduler or two.
const MOST_CONNECTIONS: usize = 64;
/// For the whole head of a request; also how long a connection may stay idle.
const HEADERS_IN_TIME: Duration = Duration::from_secs(15);
/// What proxies add, and more.
const MOST_HEADERS: usize = 64;
/// Heads are small; this bounds what one connection can have the daemon hold.
const BUFFER: usize = 16 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What was called for is over by then: answers are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(20);
