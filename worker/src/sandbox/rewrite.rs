//! Changes to a true answer: members set or removed, status and headers replaced, bytes rewritten.
//! When a rewrite applies is not here but in `fault`.

use std::{fmt, sync::Arc};

use serde_json::Value;
use url::form_urlencoded;

use super::answer::{Answer, Content, FORM};

/// What to change in a true answer; changes add up, in this order: members, encoding, bytes,
/// status, headers.
#[derive(Clone, Default)]
pub struct Rewrite {
    members: Vec<(String, Option<Value>)>,
    form_encoded: bool,
    bytes: Option<BytesChange>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
}

type BytesChange = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

impl Rewrite {
    /// Sets a member of the JSON answer, named by a JSON pointer (RFC 6901), as `/refresh/token`.
    /// A name without a leading slash is a member of the outermost object.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        self.members.push((rooted(pointer), Some(value.into())));
        self
    }

    /// Removes a member of the JSON answer, named as for [`Rewrite::set`].
    #[must_use]
    pub fn remove(mut self, pointer: &str) -> Self {
        self.members.push((rooted(pointer), None));
        self
    }

    /// Sends the outermost members form-encoded, as some old providers do; nested ones are left
    /// out.
    #[must_use]
    pub fn form_encoded(mut self) -> Self {
        self.form_encoded = true;
        self
    }

    /// Sends this body whatever the true one was.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.map_body(move |_| body.clone())
    }

    /// Sends what `change` makes of the true body's bytes.
    #[must_use]
    pub fn map_body(mut self, change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.bytes = Some(Arc::new(change));
        self
    }

    /// Sends this status instead of the true one.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sends this header, in place of the true one of that name if there is one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends this `Content-Type`.
    #[must_use]
    pub fn content_type(self, value: &str) -> Self {
        self.header("content-type", value)
    }

    pub(super) fn apply(&self, mut answer: Answer) -> Answer {
        if let Content::Json(json) = &mut answer.content {
            for (pointer, value) in &self.members {
                change_member(json, pointer, value.as_ref());
            }
            if self.form_encoded {
                answer.content = Content::Bytes(form(json));
                answer.set_header("content-type", FORM);
            }
        }
        if let Some(change) = &self.bytes {
            answer.content = Content::Bytes(change(answer.content.into_bytes()));
        }
        answer.status = self.status.unwrap_or(answer.status);
        for (name, value) in &self.headers {
            answer.set_header(name, value);
        }
        answer
    }
}

/// Names what changes, without the values: a rewrite may well hold a token.
impl fmt::Debug for Rewrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<_> = self.members.iter().map(|(pointer, _)| pointer).collect();
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Rewrite")
            .field("members", &members)
            .field("form_encoded", &self.form_encoded)
            .field("bytes", &self.bytes.is_some())
            .field("status", &self.status)
            .field("headers", &headers)
            .finish()
    }
}

fn rooted(pointer: &str) -> String {
    if pointer.starts_with('/') { pointer.to_owned() } else { format!("/{pointer}") }
}

fn change_member(json: &mut Value, pointer: &str, value: Option<&Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    let Some(Value::Object(parent)) = json.pointer_mut(parent) else {
        tracing::warn!(pointer, "the sandbox was told to rewrite a member whose parent is missing");
        return;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match value {
        Some(value) => drop(parent.insert(name, value.clone())),
        None => drop(parent.remove(&name)),
    }
}

fn form(json: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in json.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => drop(form.append_pair(name, text)),
            Value::Number(number) => drop(form.append_pair(name, &number.to_string())),
            _ => {}
        }
    }
    form.finish().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Answer, Content, Rewrite};

    fn answer() -> Answer {
        Answer::json(
            201,
            json!({"authorization": {"token": "t", "expires_in": 3600}, "refresh": {"token": "r"}}),
        )
    }

    fn body_of(answer: Answer) -> String {
        String::from_utf8(answer.content.into_bytes()).unwrap()
    }

    #[test]
    fn members_are_set_and_removed_by_pointer_or_by_name() {
        let rewrite = Rewrite::default()
            .set("/authorization/expires_in", "3600")
            .remove("refresh")
            .set("error", "x");
        assert_eq!(
            body_of(rewrite.apply(answer())),
            r#"{"authorization":{"expires_in":"3600","token":"t"},"error":"x"}"#
        );
    }

    #[test]
    fn a_member_of_a_missing_object_changes_nothing() {
        let rewrite = Rewrite::default().set("/nowhere/token", "x");
        assert_eq!(body_of(rewrite.apply(answer())), body_of(answer()));
    }

    #[test]
    fn status_headers_and_bytes_are_replaced() {
        let rewrite = Rewrite::default().status(200).content_type("text/html").body("<html>");
        let rewritten = rewrite.apply(answer());
        assert_eq!(rewritten.status, 200);
        assert_eq!(rewritten.headers, [("content-type".to_owned(), "text/html".to_owned())]);
        assert_eq!(body_of(rewritten), "<html>");
    }

    #[test]
    fn bytes_are_made_from_the_true_ones() {
        let rewrite = Rewrite::default().map_body(|mut body| {
            body.extend(b"\xff");
            body
        });
        assert_eq!(rewrite.apply(answer()).content.into_bytes().last(), Some(&0xff));
    }

    #[test]
    fn a_form_holds_the_outermost_scalars() {
        let true_answer =
            Answer::json(200, json!({"access_token": "a b", "expires_in": 5, "nested": {"a": 1}}));
        let rewritten = Rewrite::default().form_encoded().apply(true_answer);
        assert!(matches!(rewritten.content, Content::Bytes(_)));
        assert_eq!(body_of(rewritten), "access_token=a+b&expires_in=5");
    }

    #[test]
    fn debug_output_shows_no_values() {
        let rewrite =
            Rewrite::default().set("access_token", "hidden-value").header("x", "hidden-value");
        assert!(!format!("{rewrite:?}").contains("hidden"));
    }
}
