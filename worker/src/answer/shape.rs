//! Where the fields stand: flat as in RFC 6749, or nested as in the Quartile API; in snake case or
//! camel case.

use serde_json::{Deserializer, Map, Value};
use tokenkeeper_shared::{lifecycle::ExpiryHints, secret::Secret};

use super::{Answer, value};

/// The layout of a provider's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// RFC 6749, 5.1.
    Rfc6749,
    /// `{"authorization": {…}, "refresh": {…}}`.
    Quartile,
}

type Fields = Map<String, Value>;

impl Shape {
    pub(super) fn read(self, fields: &Fields) -> Answer {
        match self {
            Self::Rfc6749 => rfc6749(fields),
            Self::Quartile => quartile(fields),
        }
    }

    /// Saves the refresh token of an answer that was cut or damaged: it may be the only copy.
    /// A token counts only if its string was closed and none of its bytes was damaged, and only where
    /// a whole answer has it: another object's may be an old one. Of doubled keys the last counts.
    pub(super) fn salvage(self, text: &str) -> Option<Secret> {
        let members = text.split_once('{').map_or(text, |(_, members)| members);
        let last = |members, key| values_of(members, key).into_iter().rev().find_map(whole_string);
        match self {
            Self::Rfc6749 => {
                ["refresh_token", "refreshToken"].iter().find_map(|key| last(members, key))
            }
            Self::Quartile => {
                let objects = values_of(members, "refresh").into_iter().rev();
                let mut objects = objects.filter_map(|value| value.strip_prefix('{'));
                objects.find_map(|inner| last(members_alone(inner), "token"))
            }
        }
    }
}

/// The string that a text begins with.
fn whole_string(text: &str) -> Option<Secret> {
    let string = Deserializer::from_str(text).into_iter::<String>().next()?.ok()?;
    refresh_token(&Value::from(string))
        .filter(|token| !token.expose().contains(char::REPLACEMENT_CHARACTER))
}

/// An object's text up to its end or the text's: what follows belongs to others.
fn members_alone(text: &str) -> &str {
    let mut place = Place::default();
    let end = text.bytes().position(|byte| {
        place.pass(byte);
        place.depth < 0
    });
    end.map_or(text, |end| &text[..end])
}

/// Where one stands in an object's text, after its opening brace.
#[derive(Default)]
struct Place {
    depth: i64,
    in_string: bool,
    escaped: bool,
}

impl Place {
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' if !self.in_string => self.depth += 1,
            b'}' if !self.in_string => self.depth -= 1,
            _ => {}
        }
    }

    /// Whether a key that stands here is the object's own. Where it seems to stand in a string a quote
    /// was lost before it, and nobody can tell.
    fn is_own(&self) -> bool {
        self.depth <= 0 || self.in_string
    }
}

fn rfc6749(fields: &Fields) -> Answer {
    Answer {
        access_token: find(fields, &["access_token", "accessToken"])
            .and_then(text)
            .map(Secret::new),
        token_type: find(fields, &["token_type", "tokenType"]).and_then(token_type),
        scope: find(fields, &["scope"]).and_then(scope),
        hints: hints(fields),
        not_before: find(fields, &["not_before", "notBefore"]).and_then(value::instant),
        refresh_token: find(fields, &["refresh_token", "refreshToken"]).and_then(refresh_token),
        // Keycloak says refresh_expires_in, Microsoft and GitHub refresh_token_expires_in.
        refresh_expires_in: find(fields, &["refresh_token_expires_in", "refresh_expires_in"])
            .and_then(value::lifetime),
        ..Answer::default()
    }
}

fn quartile(fields: &Fields) -> Answer {
    let empty = Fields::new();
    let part = |name| fields.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let (access, refresh) = (part("authorization"), part("refresh"));
    let of_refresh = hints(refresh);
    Answer {
        access_token: access.get("token").and_then(text).map(Secret::new),
        token_type: access.get("type").and_then(token_type),
        hints: hints(access),
        not_before: find(access, &["not_before", "notBefore"]).and_then(value::instant),
        refresh_token: refresh.get("token").and_then(refresh_token),
        refresh_expires_in: of_refresh.expires_in,
        refresh_expires_at: of_refresh.expires_at,
        ..Answer::default()
    }
}

fn hints(fields: &Fields) -> ExpiryHints {
    ExpiryHints {
        expires_in: find(fields, &["expires_in", "expiresIn"]).and_then(value::lifetime),
        expires_at: find(fields, &["expires_at", "expiresAt", "expires_on"])
            .and_then(value::instant),
        jwt_exp: None,
    }
}

fn find<'f>(fields: &'f Fields, names: &[&str]) -> Option<&'f Value> {
    names.iter().find_map(|name| fields.get(*name).filter(|value| !value.is_null()))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// RFC 6749, 7.1. It stands before the token in a header, so that a blank or line end in it could
/// add another header.
fn token_type(value: &Value) -> Option<String> {
    text(value).filter(|word| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// RFC 6749, 3.3: words in one string; some servers send a list.
fn scope(value: &Value) -> Option<String> {
    let words = |list: &Vec<Value>| list.iter().filter_map(text).collect::<Vec<_>>().join(" ");
    let scope = text(value).or_else(|| value.as_array().map(words))?;
    // A NUL here would keep PostgreSQL from storing the whole answer.
    let plain = |scope: &String| scope.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    Some(scope).filter(|scope| !scope.is_empty() && scope.len() <= LONGEST_SCOPE && plain(scope))
}

/// Kept as sent, whatever its characters. NUL alone cannot be stored, nor sent back.
fn refresh_token(value: &Value) -> Option<Secret> {
    text(value).filter(|token| !token.contains('\0')).map(Secret::new)
}

/// What follows each `"key":` of an object's own in its text, which may not be whole.
fn values_of<'t>(members: &'t str, key: &str) -> Vec<&'t str> {
    let quoted = format!("\"{key}\"");
    let (mut place, mut read) = (Place::default(), 0);
    let mut is_own = |at: usize| {
        members.as_bytes()[read..at].iter().for_each(|byte| place.pass(*byte));
        read = at;
        place.is_own()
    };
    members
        .match_indices(&quoted)
        .filter(|(at, _)| is_own(*at))
        .map(|(at, _)| members[at + quoted.len()..].trim_start())
        .filter_map(|rest| rest.strip_prefix(':').map(str::trim_start))
        .collect()
}

/// A TEXT column of MySQL ends at 64 KiB.
const LONGEST_SCOPE: usize = 16 * 1024;
