//! A bare HTTP client for the sandbox's own tests: it shows what was really on the wire.
//! What is expected of it is not here but beside the code under test.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Credentials, Sandbox};

/// A response as it came; all empty when the connection was closed without one.
pub(super) struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end =
            bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        Self { status, head, body: bytes[end..].to_vec() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A string inside the JSON body, by pointer.
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }
}

/// Writes a request and leaves the connection to the caller.
pub(super) async fn ask(
    sandbox: &Sandbox,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut stream =
        TcpStream::connect(sandbox.url().strip_prefix("http://").unwrap()).await.unwrap();
    let headers: String =
        headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\
         {headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Writes a request and reads until the provider closes.
pub(super) async fn call(
    sandbox: &Sandbox,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut bytes = Vec::new();
    ask(sandbox, line, headers, body).await.read_to_end(&mut bytes).await.unwrap();
    Reply::parse(&bytes)
}

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

/// The request of Quartile's refresh, without reading an answer.
pub(super) async fn ask_refresh(sandbox: &Sandbox, token: &str) -> TcpStream {
    let key = Credentials::default().subscription_key;
    let headers = [JSON, ("subscription-key", key.as_str())];
    ask(sandbox, "POST /auth/v2/refresh", &headers, &json!({ "token": token }).to_string()).await
}

pub(super) async fn refresh(sandbox: &Sandbox, token: &str) -> Reply {
    let mut bytes = Vec::new();
    ask_refresh(sandbox, token).await.read_to_end(&mut bytes).await.unwrap();
    Reply::parse(&bytes)
}

pub(super) async fn login(sandbox: &Sandbox) -> Reply {
    let Credentials { username, password, subscription_key, .. } = Credentials::default();
    let headers = [JSON, ("subscription-key", subscription_key.as_str())];
    let body = json!({ "username": username, "password": password }).to_string();
    call(sandbox, "POST /auth/v2/login", &headers, &body).await
}

/// A form sent to the token endpoint or to introspection, with the right client in the header.
pub(super) async fn form(sandbox: &Sandbox, path: &str, body: &str) -> Reply {
    // sandbox-client:sandbox-secret
    let client = ("authorization", "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ=");
    call(sandbox, &format!("POST {path}"), &[FORM, client], body).await
}

pub(super) const FORM: (&str, &str) =
    ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
