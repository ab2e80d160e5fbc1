//! The answer of a credential plugin of Kubernetes clients (`client.authentication.k8s.io`).

use serde_json::{Value, json};
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{Asked, Caller, Shown};
use crate::cli::failure::time;

/// The client says in a variable which version it takes.
pub(super) fn asked() -> Result<Asked, Failure> {
    let info = std::env::var("KUBERNETES_EXEC_INFO").ok();
    let api_version = version(info.as_deref())?;
    Ok(Asked::Token(Caller { api_version, ..Caller::default() }))
}

/// The end is always told: a client that is not told keeps the token until it is refused, some
/// even longer.
pub(super) fn render(shown: &Shown, version: &str) -> String {
    json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {
            "token": shown.access_token.expose(),
            "expirationTimestamp": time(shown.expires_at),
        },
    })
    .to_string()
}

/// The version that the client asks for; it takes no other.
fn version(exec_info: Option<&str>) -> Result<String, Failure> {
    let Some(info) = exec_info.filter(|info| !info.is_empty()) else {
        return Ok(VERSIONS[0].to_owned());
    };
    let asked = serde_json::from_str::<Value>(info).ok();
    let asked = asked.as_ref().and_then(|info| info["apiVersion"].as_str());
    let known = VERSIONS.into_iter().find(|version| asked == Some(version));
    known.map(str::to_owned).ok_or_else(|| {
        let known = VERSIONS.join(" or ");
        let message = format!("KUBERNETES_EXEC_INFO asks for no known version: set apiVersion of the kubeconfig's exec to {known}");
        Failure::new(Exit::Usage, message)
    })
}

const VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

#[cfg(test)]
mod tests {
    use super::{super::shown::example, *};

    #[test]
    fn the_client_gets_the_version_that_it_asked_for_and_always_an_end() {
        let info = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{}}"#;
        for (info, expected) in
            [(None, VERSIONS[0]), (Some(""), VERSIONS[0]), (Some(info), VERSIONS[1])]
        {
            let answer = render(&example(), &version(info).unwrap());
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["apiVersion"], expected);
            assert_eq!(answer["status"]["expirationTimestamp"], "2033-05-18T03:33:20Z");
            assert_eq!(answer["status"]["token"], "canary.token-1");
        }
    }

    #[test]
    fn an_unknown_version_is_a_wrong_configuration() {
        for info in
            ["{", "{}", r#"{"apiVersion":"client.authentication.k8s.io/v9"}"#, "[]", "\u{0}"]
        {
            let refused = version(Some(info)).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(refused.message.contains(VERSIONS[0]), "{refused}");
        }
    }
}
