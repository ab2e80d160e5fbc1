//! Connections as they come: each gets a place, a greeting by TLS where there is one, and its
//! version of HTTP. What is asked on them lies with `connection`.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokenkeeper_shared::http::guesses::Peer;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    access::Client,
    connection::{HEADERS_IN_TIME, Served},
    connections::{Connections, Place},
    listen::{Arrival, H2, Listener, Tls},
};

/// What a new connection meets.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) served: Served,
    pub(super) connections: Arc<Connections>,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Gate {
    /// Takes connections until the server is asked to stop, and then those that have come before.
    pub(super) async fn open(self, listener: Listener) {
        let mut stop = self.served.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok(Some(arrival)) => self.admit(arrival),
                Ok(None) => {}
                Err(error) => {
                    // Most often: no file descriptor is left. Some connection will end.
                    let log = &self.served.site.log;
                    log.note(&format!("warning: cannot accept a connection: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        while let Some(Ok(arrival)) = listener.accept().now_or_never() {
            if let Some(arrival) = arrival {
                self.admit(arrival);
            }
        }
    }

    fn admit(&self, arrival: Arrival) {
        let Some(place) = self.connections.enter() else { return };
        let served = self.served.clone();
        match arrival {
            Arrival::Tcp(stream) => {
                tokio::spawn(tcp_connection(served, stream, self.tls.clone(), place));
            }
            Arrival::Unix(stream, user) => {
                tokio::spawn(served.http1(stream, Client::new(Peer::User(user), None), place));
            }
        }
    }
}

async fn tcp_connection(served: Served, stream: TcpStream, tls: Option<Arc<Tls>>, place: Place) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let client = Client::new(Peer::of(peer.ip()), Some(local.ip()));
    // Answers are small and whole: waiting for more of them gains nothing.
    stream.set_nodelay(true).ok();
    let Some(tls) = tls else {
        return served.http1(stream, client, place).await;
    };
    let greeting = tokio::select! {
        greeting = timeout(HEADERS_IN_TIME, tls.acceptor().accept(stream)) => greeting,
        () = place.must_close() => return,
    };
    if let Ok(Ok(stream)) = greeting {
        if stream.get_ref().1.alpn_protocol() == Some(H2) {
            served.http2(stream, client, place).await;
        } else {
            served.http1(stream, client, place).await;
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
