//! Lenient reading of token answers: servers stray from RFC 6749 in many ways, and a refresh token
//! must not be lost over any of them. What an answer means for the row is judged in `outcome`.

mod shape;
mod value;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokenkeeper_shared::{clock, lifecycle::ExpiryHints, secret::Secret};
use url::form_urlencoded;

pub use self::shape::Shape;

/// What an answer says, field by field, as far as it could be understood.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The access token as sent; it may be unusable, see [`Answer::usable_access_token`].
    pub access_token: Option<Secret>,
    /// RFC 6749, 5.1.
    pub token_type: Option<String>,
    /// RFC 6749, 5.1.
    pub scope: Option<String>,
    /// What it says of the access token's end.
    pub hints: ExpiryHints,
    /// From when on the access token is valid.
    pub not_before: Option<DateTime<Utc>>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// How long the refresh token lives.
    pub refresh_expires_in: Option<Duration>,
    /// When the refresh token dies.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// RFC 6749, 5.2: the error's code, `[a-z_]` only; some servers send it with status 200.
    pub error: Option<String>,
    /// The whole answer as JSON.
    pub json: Option<Secret>,
    /// It was cut or damaged, and only a refresh token could be saved from it.
    pub is_salvaged: bool,
}

impl Answer {
    /// Reads a body. `None` when nothing in it could be understood.
    #[must_use]
    pub fn read(shape: Shape, body: &[u8]) -> Option<Self> {
        let body = unmarked(body);
        let fields = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Some(fields),
            Ok(_) => None,
            Err(_) => form(body),
        };
        match fields {
            Some(fields) => Some(Self::of_fields(shape, fields)),
            None => Self::salvaged(shape, body),
        }
    }

    /// Reads a body whose end may be missing. A form is not read: its last value could be half of
    /// a token, and nothing would tell.
    #[must_use]
    pub fn read_broken(shape: Shape, body: &[u8]) -> Option<Self> {
        let body = unmarked(body);
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Some(Self::of_fields(shape, fields)),
            _ => Self::salvaged(shape, body),
        }
    }

    fn of_fields(shape: Shape, fields: Map<String, Value>) -> Self {
        let mut answer = shape.read(&fields);
        answer.error = error_code(&fields);
        answer.hints.jwt_exp = answer.access_token.as_ref().and_then(jwt_expiry);
        answer.json = Some(Secret::new(Value::Object(fields).to_string()));
        answer
    }

    fn salvaged(shape: Shape, body: &[u8]) -> Option<Self> {
        let refresh_token = shape.salvage(&String::from_utf8_lossy(body))?;
        Some(Self { refresh_token: Some(refresh_token), is_salvaged: true, ..Self::default() })
    }

    /// The access token, if it can be put into a header: RFC 6749, A.12, printable ASCII, and no
    /// blank, which would end it in `Authorization`.
    #[must_use]
    pub fn usable_access_token(&self) -> Option<&Secret> {
        let printable = |text: &str| text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        self.access_token.as_ref().filter(|token| printable(token.expose()))
    }
}

fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// A form-encoded answer, as some old servers send it whatever was asked for.
fn form(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    // A damaged JSON answer or a page may hold a link with such parameters.
    if text.starts_with(['{', '[', '<']) {
        return None;
    }
    let fields: Map<String, Value> = form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    ["access_token", "refresh_token", "error"]
        .iter()
        .any(|key| fields.contains_key(*key))
        .then_some(fields)
}

/// RFC 6749, 5.2 allows few characters; what else a server sends there may be anything.
fn error_code(fields: &Map<String, Value>) -> Option<String> {
    let code = match fields.get("error")? {
        Value::String(code) if !code.is_empty() => code.as_str(),
        Value::Object(nested) => nested.get("code").and_then(Value::as_str).unwrap_or("unnamed"),
        Value::Null | Value::Bool(false) | Value::String(_) => return None,
        _ => "unnamed",
    };
    let plain = code.len() <= 40 && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    Some(if plain { code.to_ascii_lowercase() } else { "unnamed".to_owned() })
}

/// RFC 7519, 4.1.4. Nothing is verified: the expiry of a token that was just handed to us by its
/// issuer over TLS is only a hint.
fn jwt_expiry(token: &Secret) -> Option<DateTime<Utc>> {
    let mut parts = token.expose().split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    value::instant(claims.get("exp")?).filter(|&exp| exp < clock::latest())
}

#[cfg(test)]
mod tests;
