//! What somebody asks for from outside: the body of `POST /run`, or the event of a cloud's function. Plain reading.

use serde_json::{Map, Value};
use tokenkeeper_shared::name::TokenName;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A pass, over these tokens or all.
    Run(Vec<TokenName>),
    /// These clean-ups of the configuration.
    Cleanup(Vec<String>),
}

impl Order {
    /// Reads a body. Nothing, or an empty object, asks for a pass over all tokens.
    ///
    /// # Errors
    /// What to send instead.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::Run(Vec::new()));
        }
        // serde's own message would repeat what was sent.
        let value = serde_json::from_slice(body).map_err(|_| format!("no JSON: {EXPECTED}"))?;
        Self::of(value)
    }

    /// The same of a value. What `EventBridge` says of itself asks for a pass.
    ///
    /// # Errors
    /// What to send instead.
    pub fn of(value: Value) -> Result<Self, String> {
        let fields = match value {
            Value::Null => Map::new(),
            Value::Object(fields) => fields,
            _ => return Err(format!("no object: {EXPECTED}")),
        };
        let is_wish = |name: &str| matches!(name, "run" | "cleanup");
        if !fields.keys().any(|name| is_wish(name)) && fields.contains_key("detail-type") {
            return Ok(Self::Run(Vec::new()));
        }
        let unknown: Vec<String> =
            fields.keys().filter(|name| !is_wish(name)).map(|name| shown(name)).collect();
        if !unknown.is_empty() {
            return Err(format!("unknown: {}; {EXPECTED}", unknown.join(", ")));
        }
        match (fields.get("run"), fields.get("cleanup")) {
            (None, None) => Ok(Self::Run(Vec::new())),
            (Some(names), None) => {
                let names = list("run", names)?.into_iter();
                let names = names.map(|name| name.parse::<TokenName>()).collect::<Result<_, _>>();
                names.map(Self::Run).map_err(|error| format!("run: {error}"))
            }
            (None, Some(names)) => match list("cleanup", names)? {
                names if names.is_empty() => Err("cleanup: name at least one".to_owned()),
                names => Ok(Self::Cleanup(names)),
            },
            (Some(_), Some(_)) => Err("run and cleanup are two calls: send one of them".to_owned()),
        }
    }
}

fn list(field: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("{field} takes a list of names, such as [\"NAME\"]");
    let names = value.as_array().ok_or_else(wrong)?;
    names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// A field's name may be anything that somebody has typed.
fn shown(name: &str) -> String {
    name.escape_debug().take(64).collect()
}

const EXPECTED: &str = "send nothing, {\"run\": [\"TOKEN\"]} or {\"cleanup\": [\"NAME\"]}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asks_for_a_pass_and_names_for_what_they_name() {
        for text in
            ["", " \n", "{}", "null", "{\"run\":[]}", "{\"detail-type\":\"x\",\"id\":\"1\"}"]
        {
            assert_eq!(Order::parse(text.as_bytes()), Ok(Order::Run(Vec::new())), "{text}");
        }
        let order = Order::parse(b"{\"run\":[\"edfi\"]}");
        assert_eq!(order, Ok(Order::Run(vec!["edfi".parse().unwrap()])));
        let order = Order::parse(b"{\"cleanup\":[\"nightly\"]}");
        assert_eq!(order, Ok(Order::Cleanup(vec!["nightly".to_owned()])));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, words) in [
            ("[]", "no object"),
            ("{", "no JSON"),
            ("{\"runs\":[]}", "unknown: runs;"),
            ("{\"run\":[],\"detail-type\":\"x\"}", "unknown: detail-type;"),
            ("{\"run\":\"edfi\"}", "run takes a list"),
            ("{\"run\":[1]}", "run takes a list"),
            ("{\"run\":[\"-\"]}", "run: "),
            ("{\"cleanup\":[]}", "at least one"),
            ("{\"run\":[],\"cleanup\":[\"a\"]}", "one of them"),
        ] {
            let told = Order::parse(text.as_bytes()).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
