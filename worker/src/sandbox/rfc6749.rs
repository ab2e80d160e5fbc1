//! The token endpoint of RFC 6749: form-encoded in, JSON out, three grant types.
//! Who the client is and how forms are read is not here but in `form`; Quartile has `quartile`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::json;

use super::{
    answer::Answer,
    exchange,
    form::Form,
    ledger::Issued,
    provider::{Asked, Provider, Refusal},
    recorded::Heard,
};

/// `POST /oauth2/token`
pub(super) async fn token(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let heard = Heard::listen(&provider, request).await;
    let asked = read(&provider, &heard);
    exchange::run(&provider, asked, word).await
}

fn read(provider: &Provider, heard: &Heard) -> Result<Asked, Refusal> {
    let mut form = Form::read(heard)?;
    form.authenticate(heard, &provider.lock().credentials)?;
    let scope = form.take("scope");
    match form.take("grant_type").as_deref() {
        None => Err(Refusal::Malformed("grant_type is missing")),
        Some("client_credentials") => Ok(Asked::Login { scope, refreshable: false }),
        Some("password") => read_password(provider, form, scope),
        Some("refresh_token") => {
            let token = form.take("refresh_token");
            let token = token.ok_or(Refusal::Malformed("refresh_token is missing"))?;
            Ok(Asked::Refresh { token })
        }
        Some(_) => Err(Refusal::GrantType),
    }
}

fn read_password(
    provider: &Provider,
    mut form: Form,
    scope: Option<String>,
) -> Result<Asked, Refusal> {
    let (Some(username), Some(password)) = (form.take("username"), form.take("password")) else {
        return Err(Refusal::Malformed("username or password is missing"));
    };
    let credentials = &provider.lock().credentials;
    if username != credentials.username || password != credentials.password {
        return Err(Refusal::Login);
    }
    Ok(Asked::Login { scope, refreshable: true })
}

/// RFC 6749, 5.1 and 5.2.
fn word(_: &Provider, outcome: Result<Issued, Refusal>) -> Answer {
    let answer = match outcome {
        Ok(issued) => grant(issued),
        Err(refusal) => refuse(refusal),
    };
    answer.with_header("cache-control", "no-store")
}

fn grant(issued: Issued) -> Answer {
    let mut answer = json!({
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.access_left.as_secs(),
    });
    if let Some((refresh, _)) = issued.refresh {
        answer["refresh_token"] = json!(refresh);
    }
    if let Some(scope) = issued.scope {
        answer["scope"] = json!(scope);
    }
    Answer::json(200, answer)
}

/// The error answer of RFC 6749, 5.2, which introspection shares (RFC 7662, 2.3).
pub(super) fn refuse(refusal: Refusal) -> Answer {
    let (status, error, description) = match refusal {
        Refusal::Malformed(what) => (400, "invalid_request", what),
        Refusal::Client => (401, "invalid_client", "the client is unknown"),
        Refusal::Login => (400, "invalid_grant", "the user name or the password is wrong"),
        Refusal::Refresh => (400, "invalid_grant", "the refresh token is not valid"),
        Refusal::GrantType => (400, "unsupported_grant_type", "the grant type is unknown"),
    };
    let answer = Answer::json(status, json!({ "error": error, "error_description": description }));
    match refusal {
        Refusal::Client => answer.with_header("www-authenticate", r#"Basic realm="sandbox""#),
        _ => answer,
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::{
        Sandbox, Settings,
        test_client::{FORM, JSON, call, form},
    };

    async fn sandbox() -> Sandbox {
        Sandbox::start(Settings::default()).await.unwrap()
    }

    #[tokio::test]
    async fn client_credentials_get_an_access_token_alone() {
        let sandbox = sandbox().await;
        let reply = form(&sandbox, PATH, "grant_type=client_credentials&scope=read+write").await;
        let answer = reply.json();
        assert_eq!(reply.status, 200);
        assert_eq!(
            (answer["token_type"].as_str(), answer["expires_in"].as_u64()),
            (Some("Bearer"), Some(43_200))
        );
        assert_eq!(answer["scope"], "read write");
        assert!(answer.get("refresh_token").is_none());
        assert!(sandbox.is_active(&reply.text("/access_token")));
        assert!(reply.head.contains("cache-control: no-store"));
    }

    #[tokio::test]
    async fn a_password_grant_is_refreshed_with_its_scope() {
        let sandbox = sandbox().await;
        let first = form(&sandbox, PATH, &format!("{PASSWORD}&scope=read")).await;
        let token = first.text("/refresh_token");
        let second =
            form(&sandbox, PATH, &format!("grant_type=refresh_token&refresh_token={token}")).await;
        assert_eq!((second.status, second.text("/scope").as_str()), (200, "read"));
        assert_ne!(second.text("/refresh_token"), token);
        assert_eq!((sandbox.counts().logins, sandbox.counts().refreshes), (1, 1));
    }

    #[tokio::test]
    async fn the_client_may_authenticate_in_the_body() {
        let body =
            "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";
        assert_eq!(call(&sandbox().await, "POST /oauth2/token", &[FORM], body).await.status, 200);
    }

    #[tokio::test]
    async fn an_unknown_client_is_told_how_to_authenticate() {
        let sandbox = sandbox().await;
        for headers in [vec![FORM], vec![FORM, ("authorization", "Basic eDp5")]] {
            let reply =
                call(&sandbox, "POST /oauth2/token", &headers, "grant_type=client_credentials")
                    .await;
            assert_eq!((reply.status, reply.text("/error").as_str()), (401, "invalid_client"));
            assert!(reply.head.contains("www-authenticate: basic"));
        }
    }

    #[tokio::test]
    async fn bad_requests_are_refused_in_the_words_of_the_rfc() {
        let sandbox = sandbox().await;
        let cases = [
            ("invalid_request", ""),
            ("invalid_request", "grant_type="),
            ("invalid_request", "grant_type=refresh_token"),
            ("invalid_request", "grant_type=client_credentials&scope=a&scope=b"),
            ("invalid_request", "grant_type=password&username=sandbox-user"),
            ("invalid_request", "grant_type=client_credentials&client_id=c&client_secret=s"),
            ("invalid_grant", "grant_type=password&username=sandbox-user&password=x"),
            ("invalid_grant", "grant_type=refresh_token&refresh_token=x"),
            ("unsupported_grant_type", "grant_type=authorization_code"),
        ];
        for (error, body) in cases {
            let reply = form(&sandbox, PATH, body).await;
            assert_eq!((reply.status, reply.text("/error").as_str()), (400, error), "{body}");
        }
        let json = call(&sandbox, "POST /oauth2/token", &[JSON], "{}").await;
        assert_eq!(json.text("/error"), "invalid_request");
    }

    const PATH: &str = "/oauth2/token";
    const PASSWORD: &str = "grant_type=password&username=sandbox-user&password=sandbox-password";
}
