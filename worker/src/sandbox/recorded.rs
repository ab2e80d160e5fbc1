//! Requests as they were heard, kept for tests of what a client sends.
//! What the requests mean is not here but in `quartile` and `rfc6749`.

use std::fmt;

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, Uri},
};

use super::provider::Provider;

/// One request of a client. `Debug` shows neither header values nor the body: both carry
/// credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The method, as `POST`.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Header names (in lower case) and values, in the order of sending but for repeated names.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
}

impl Recorded {
    /// The first value of a header, whatever the case of `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Recorded")
            .field("method", &self.method)
            .field("path", &path)
            .field("headers", &names)
            .field("body", &format_args!("[redacted, {} bytes]", self.body.len()))
            .finish()
    }
}

/// The same before anybody looks at it: cheap to keep, thousands of times per second.
#[derive(Clone)]
pub(super) struct Heard {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Heard {
    /// Reads a request to its end and keeps it as the last one. A body beyond 1 MiB, or cut off,
    /// counts as empty.
    pub async fn listen(provider: &Provider, request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, REQUEST_LIMIT).await.unwrap_or_default();
        let heard = Self { method: parts.method, uri: parts.uri, headers: parts.headers, body };
        provider.lock().last = Some(heard.clone());
        heard
    }

    /// A header's value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether `Content-Type` names this media type, with or without parameters.
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let given = self.header("content-type").and_then(|value| value.split(';').next());
        given.is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
    }

    pub fn record(&self) -> Recorded {
        let headers = self.headers.iter().map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Recorded {
            method: self.method.to_string(),
            path: self.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}

/// No client of ours sends more.
const REQUEST_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::Recorded;

    #[test]
    fn debug_output_of_a_request_shows_no_credentials() {
        let recorded = Recorded {
            method: "POST".to_owned(),
            path: "/oauth2/token?hidden=1".to_owned(),
            headers: vec![("authorization".to_owned(), "hidden".to_owned())],
            body: "hidden".to_owned(),
        };
        let shown = format!("{recorded:?}");
        assert!(!shown.contains("hidden") && shown.contains("authorization"), "{shown}");
        assert_eq!(recorded.header("Authorization"), Some("hidden"));
    }
}
