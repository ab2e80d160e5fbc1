//! An answer before it becomes an HTTP response, so that rewrites can still change it.
//! What the protocols put into it is not here but in `quartile`, `rfc6749` and `protected`.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use serde_json::Value;

pub(super) struct Answer {
    pub status: u16,
    /// At most one per name; names in lower case.
    pub headers: Vec<(String, String)>,
    pub content: Content,
}

pub(super) enum Content {
    Json(Value),
    Bytes(Vec<u8>),
}

impl Answer {
    pub fn json(status: u16, json: Value) -> Self {
        let content_type = ("content-type".to_owned(), JSON.to_owned());
        Self { status, headers: vec![content_type], content: Content::Json(json) }
    }

    pub fn bytes(status: u16, headers: &[(String, String)], body: Vec<u8>) -> Self {
        Self { status, headers: headers.to_vec(), content: Content::Bytes(body) }
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.set_header(name, value);
        self
    }

    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn into_response(self) -> Response {
        self.into_response_with(Body::from)
    }

    /// The response whose body is what `wrap` makes of the bytes.
    pub fn into_response_with(self, wrap: impl FnOnce(Vec<u8>) -> Body) -> Response {
        let mut response = Response::new(wrap(self.content.into_bytes()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            } else {
                tracing::warn!(
                    name,
                    "the sandbox was told to send a header that HTTP does not allow"
                );
            }
        }
        response
    }
}

impl Content {
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
