//! HTTP as bytes: what a test sends is exactly what it says.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Reads all answers of a connection that has ended.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        let text = String::from_utf8(bytes.to_vec()).expect("answers are text");
        let (mut answers, mut rest) = (Vec::new(), &*text);
        while let Some((head, after)) = rest.split_once("\r\n\r\n") {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status = status.expect("an HTTP answer");
            let answer = Self { status, head: head.to_owned(), body: String::new() };
            let length = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
            // The answer to HEAD tells the length of a body that does not come.
            let (body, next) = after.split_at(after.len().min(length));
            answers.push(Self { body: body.to_owned(), ..answer });
            rest = next;
        }
        answers
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a problem document of this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], status, "{self:?}");
        assert_eq!(document["code"], code, "{self:?}");
        assert_eq!(document["type"], "about:blank");
        assert!(document["title"].is_string() && document["detail"].is_string(), "{self:?}");
    }
}

/// Sends these bytes and reads until the server closes, or is silent for some seconds.
pub fn exchange(port: u16, bytes: &[u8]) -> Vec<Answer> {
    exchange_within(port, bytes, SILENCE)
}

/// The same, or is silent for that long.
pub fn exchange_within(port: u16, bytes: &[u8], silence: Duration) -> Vec<Answer> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    connection.set_read_timeout(Some(silence)).unwrap();
    // A server that has refused the first half need not read the second.
    connection.write_all(bytes).ok();
    Answer::all(&rest_of(&mut connection))
}

/// What comes until the server closes, or is silent.
pub fn rest_of(connection: &mut impl Read) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = connection.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
    }
    bytes
}

/// One request on a connection of its own.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let has_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = if has_host { "" } else { "Host: localhost\r\n" };
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let headers = headers.concat();
    format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{host}{headers}{length}\r\n{body}")
}

/// Longer than any answer takes here: who finds no database is told so after five seconds.
const SILENCE: Duration = Duration::from_secs(15);
