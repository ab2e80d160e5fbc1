//! One connection: HTTP/1.1, or HTTP/2 where TLS has agreed on it, each with its bounds.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request, response::Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use super::{
    access::Client,
    connections::Place,
    site::{self, Site},
};

/// What a connection needs beside its bytes.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) site: Arc<Site>,
    pub(super) router: Router,
    /// `true` once the server was asked to stop.
    pub(super) stop: watch::Receiver<bool>,
}

/// Serves until the client has had enough, the place is wanted, or the server stops.
macro_rules! converse {
    ($connection:expr, $place:expr, $stop:expr) => {{
        let mut connection = pin!($connection);
        let asked_to_stop = async {
            drop($stop.wait_for(|stop| *stop).await);
            $place.has_begun().await;
        };
        tokio::select! {
            // How a connection has failed is its client's business.
            _ = connection.as_mut() => {}
            () = $place.must_close() => {}
            () = asked_to_stop => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    _ = connection => {}
                    () = $place.must_close() => {}
                }
            }
        }
    }};
}

impl Served {
    pub(super) async fn http1<IO>(mut self, io: IO, client: Client, place: Place)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let client = Arc::new(client);
        let place = &place;
        let (site, router) = (&*self.site, &self.router);
        let service = service_fn(|request| answer(site, router, client.clone(), place, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_IN_TIME)
            .max_header_size(MOST_HEADER_BYTES)
            .max_headers(MOST_HEADERS)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(io), service);
        converse!(connection, place, self.stop);
    }

    pub(super) async fn http2<IO>(mut self, io: IO, client: Client, place: Place)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let client = Arc::new(client);
        let place = Arc::new(place);
        let served = (self.site.clone(), self.router.clone(), place.clone());
        let service = service_fn(move |request| {
            let ((site, router, place), client) = (served.clone(), client.clone());
            async move { answer(&site, &router, client, &place, request).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_pending_accept_reset_streams(MOST_RESETS)
            .max_local_error_reset_streams(MOST_RESETS)
            .max_header_list_size(MOST_HEADER_BYTES_OF_HTTP2)
            .max_send_buf_size(BUFFER)
            .keep_alive_interval(HEADERS_IN_TIME)
            .keep_alive_timeout(HEADERS_IN_TIME)
            .serve_connection(TokioIo::new(io), service);
        converse!(connection, place, self.stop);
    }
}

async fn answer(
    site: &Site,
    router: &Router,
    client: Arc<Client>,
    place: &Place,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let _busy = place.begin();
    Ok(site::answer(site, router.clone(), client, request.map(Body::new)).await)
}

/// For the whole head of a request, from the moment when one may begin: also how long a connection
/// may stay idle.
pub(super) const HEADERS_IN_TIME: Duration = Duration::from_secs(15);
/// A key, a name of 128 characters and what proxies add are 2 KiB.
const MOST_HEADER_BYTES: usize = 16 * 1024;
const MOST_HEADER_BYTES_OF_HTTP2: u32 = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// Heads and answers are small; this bounds what one connection can have the server hold.
const BUFFER: usize = 32 * 1024;
/// As many callers as share one connection of a proxy.
const MOST_STREAMS: u32 = 64;
/// Streams that are opened only to be reset cost the server more than the client.
const MOST_RESETS: usize = 16;
