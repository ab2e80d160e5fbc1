//! Servers that say what no sandbox says: raw bytes on a socket, and what was heard before them.

use std::{
    net::TcpListener as StdListener,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
};

/// A server for any number of connections, each answered with the same bytes.
pub struct Raw {
    pub address: String,
    heard: Arc<Mutex<Vec<u8>>>,
    server: tokio::task::JoinHandle<()>,
}

/// What a server does once it has answered.
#[derive(Clone, Copy)]
pub enum Then {
    Close,
    Wait,
}

impl Raw {
    /// Reads until the request's end or the first pause in it, answers, and closes or waits.
    pub async fn answering(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a local address").to_string();
        let (heard, bytes) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(bytes.into()));
        let sink = Arc::clone(&heard);
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (sink, bytes) = (Arc::clone(&sink), Arc::clone(&bytes));
                tokio::spawn(async move {
                    let mut buffer = [0; 16 * 1024];
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => break,
                            Ok(length) => request.extend_from_slice(&buffer[..length]),
                        }
                    }
                    sink.lock().expect("no panic under the lock").extend_from_slice(&request);
                    // The client may have gone already, as it should from an endless answer.
                    let _ = stream.write_all(&bytes).await;
                    if matches!(then, Then::Wait) {
                        let _ = stream.read(&mut buffer).await;
                    }
                });
            }
        });
        Self { address, heard, server }
    }

    pub fn heard(&self) -> String {
        let heard = self.heard.lock().expect("no panic under the lock");
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Whether a request has come to its end; what is no HTTP has its end at once.
fn is_whole(request: &[u8]) -> bool {
    if request.is_empty() {
        return false;
    }
    if !request.starts_with(b"POST ") {
        return true;
    }
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    length.and_then(|length| length.parse().ok()).is_none_or(|length: usize| body.len() >= length)
}

/// A port on which nobody ever called, or somebody did.
pub struct Untouched(StdListener);

impl Untouched {
    pub fn new() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that need not block");
        Self(listener)
    }

    pub fn address(&self) -> String {
        self.0.local_addr().expect("a local address").to_string()
    }

    pub fn is_untouched(&self) -> bool {
        self.0.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// Accepts one connection, reads what comes first and resets the connection.
pub async fn resetting() -> (String, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a local address").to_string();
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.readable().await.expect("a request");
        // Closed with the request unread, a connection is reset.
        drop(stream);
        sender.send(1)
    });
    (address, receiver)
}
