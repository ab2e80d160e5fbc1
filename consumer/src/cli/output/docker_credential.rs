//! What docker reads from a credential helper: github.com/docker/docker-credential-helpers. Whatever
//! it wants stored or erased is the worker's business.

use std::io::Read;

use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{Asked, Caller, Shown, no_operation};

/// Docker names the server on stdin.
pub(super) fn asked(operation: Option<&str>, stdin: impl Read) -> Result<Asked, Failure> {
    match operation {
        None => Err(no_operation("docker")),
        Some("get") => {
            let mut server = String::new();
            let read = stdin.take(LONGEST_REQUEST).read_to_string(&mut server);
            let wrong =
                |why: &str| Failure::new(Exit::Usage, format!("docker's request on stdin: {why}"));
            read.map_err(|error| wrong(&error.to_string()))?;
            let server = server.trim();
            if server.is_empty() {
                return Err(wrong("it names no server"));
            }
            Ok(Asked::Token(Caller { server: server.to_owned(), ..Caller::default() }))
        }
        // Nothing is listed: docker would ask for each at once.
        Some("list") => Ok(Asked::Text("{}".to_owned())),
        Some("store" | "erase") => Ok(Asked::Nothing),
        Some(other) => {
            let message = format!(
                "docker asks for \"{}\": get, store, erase and list are known",
                other.escape_debug()
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

pub(super) fn render(shown: &Shown, caller: &Caller) -> String {
    json!({
        "ServerURL": caller.server,
        "Username": caller.username(),
        "Secret": shown.access_token.expose(),
    })
    .to_string()
}

/// Far beyond any address.
const LONGEST_REQUEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_comes_from_the_request() {
        match asked(Some("get"), "https://registry.example.org\n".as_bytes()).unwrap() {
            Asked::Token(caller) => assert_eq!(caller.server, "https://registry.example.org"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_that_is_none_is_refused() {
        for (operation, request) in [
            (Some("get"), &b""[..]),
            (Some("get"), b" \n"),
            (Some("get"), b"\xff"),
            (Some("steal"), b""),
            (None, b""),
        ] {
            assert_eq!(asked(operation, request).unwrap_err().exit, Exit::Usage, "{operation:?}");
        }
    }
}
