//! The caches of two clouds' identity libraries, each with a token in it. Neither cloud is asked: one gets its token
//! from a server of our own, the other by a transport of our own.

use std::{process::Command, sync::Arc};

use async_trait::async_trait;
use axum::{Router, routing::post};
use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{
        AsyncRawResponse, ClientOptions, HttpClient, Request, StatusCode, Transport,
        headers::Headers,
    },
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use gcp_auth::{CustomServiceAccount, TokenProvider};
use tokio::net::TcpListener;

use crate::one_token::TOKEN;

/// What a token is asked for.
pub const SCOPES: &[&str] = &["https://example.org/.default"];

/// A service account of Google's, by its own JSON file.
pub async fn google() -> Arc<CustomServiceAccount> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Router::new().route("/token", post(|| async { answer() }));
    let serving = tokio::spawn(async move { axum::serve(listener, answers).await });
    let account = serde_json::json!({
        "type": "service_account",
        "project_id": "bench",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "bench@example.org",
        "token_uri": format!("http://{address}/token"),
    });
    let account = CustomServiceAccount::from_json(&account.to_string()).unwrap();
    account.token(SCOPES).await.unwrap();
    // From here on it has nobody to ask.
    serving.abort();
    Arc::new(account)
}

/// An application of Microsoft's, by its client secret.
pub async fn microsoft() -> Arc<ClientSecretCredential> {
    let transport = Some(Transport::new(Arc::new(Answers)));
    let client_options = ClientOptions { transport, ..ClientOptions::default() };
    let options = ClientSecretCredentialOptions { client_options };
    let secret = Secret::new("bench");
    let application =
        ClientSecretCredential::new("bench", "bench".to_owned(), secret, Some(options)).unwrap();
    application.get_token(SCOPES, None).await.unwrap();
    application
}

fn answer() -> String {
    let answer =
        serde_json::json!({ "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600 });
    answer.to_string()
}

#[derive(Debug)]
struct Answers;

#[async_trait]
impl HttpClient for Answers {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::default(), answer()))
    }
}

/// A key to sign with: PKCS #8 in PEM.
fn private_key() -> String {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output();
    let made = made.expect("openssl is needed (Debian: openssl)");
    assert!(
        made.status.success(),
        "openssl made no key: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8(made.stdout).unwrap()
}
