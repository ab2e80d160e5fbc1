//! Quartile's authorization API: JSON in, nested JSON out, status 201.
//! RFC 6749 is not spoken here but in `rfc6749`.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    exchange,
    ledger::Issued,
    provider::{Asked, Provider, Refusal, wall_clock, wall_clock_after},
    recorded::Heard,
};

/// `POST {base}/login`
pub(super) async fn login(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let heard = Heard::listen(&provider, request).await;
    let asked = read_login(&provider, &heard);
    exchange::run(&provider, asked, word).await
}

/// `POST {base}/refresh`
pub(super) async fn refresh(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let heard = Heard::listen(&provider, request).await;
    let asked = read_refresh(&provider, &heard);
    exchange::run(&provider, asked, word).await
}

#[derive(Deserialize)]
struct LoginBody {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct RefreshBody {
    token: String,
}

fn read_login(provider: &Provider, heard: &Heard) -> Result<Asked, Refusal> {
    check_subscription(provider, heard)?;
    let body: LoginBody = read_json(heard)?;
    let credentials = &provider.lock().credentials;
    if body.username != credentials.username || body.password != credentials.password {
        return Err(Refusal::Login);
    }
    Ok(Asked::Login { scope: None, refreshable: true })
}

fn read_refresh(provider: &Provider, heard: &Heard) -> Result<Asked, Refusal> {
    check_subscription(provider, heard)?;
    let body: RefreshBody = read_json(heard)?;
    Ok(Asked::Refresh { token: body.token })
}

fn check_subscription(provider: &Provider, heard: &Heard) -> Result<(), Refusal> {
    let given = heard.header("subscription-key");
    let is_known = given == Some(provider.lock().credentials.subscription_key.as_str());
    is_known.then_some(()).ok_or(Refusal::Client)
}

fn read_json<T: DeserializeOwned>(heard: &Heard) -> Result<T, Refusal> {
    if !heard.is_of_type("application/json") {
        return Err(Refusal::Malformed("the content type is not application/json"));
    }
    serde_json::from_slice(&heard.body)
        .map_err(|_| Refusal::Malformed("the body is not as documented"))
}

fn word(provider: &Provider, outcome: Result<Issued, Refusal>) -> Answer {
    match outcome {
        Ok(issued) => Answer::json(CREATED, tokens(spelling(provider), &issued)),
        Err(refusal) => refuse(refusal),
    }
}

struct Spelling {
    expires_in: &'static str,
    expires_at: &'static str,
    not_before: &'static str,
}

fn spelling(provider: &Provider) -> &'static Spelling {
    if provider.settings().camel_case { &CAMEL_CASE } else { &SNAKE_CASE }
}

fn tokens(names: &Spelling, issued: &Issued) -> Value {
    let now = wall_clock();
    let mut authorization = token(names, &issued.access, issued.access_left, now);
    authorization["type"] = json!("Bearer");
    authorization[names.not_before] = json!(now.timestamp());
    let mut answer = json!({ "authorization": authorization });
    if let Some((refresh, left)) = &issued.refresh {
        answer["refresh"] = token(names, refresh, *left, now);
    }
    answer
}

fn token(names: &Spelling, token: &str, left: Duration, now: DateTime<Utc>) -> Value {
    // Without a zone, as the real one: it means UTC.
    let expires_at = wall_clock_after(now, left).format("%Y-%m-%dT%H:%M:%S").to_string();
    json!({
        "token": token,
        names.expires_in: left.as_secs(),
        names.expires_at: expires_at,
        "note": "issued by the tokenkeeper sandbox",
    })
}

fn refuse(refusal: Refusal) -> Answer {
    let (status, message) = match refusal {
        Refusal::Malformed(what) => (400, what),
        Refusal::GrantType => (400, "the grant type is unknown"),
        Refusal::Client => (401, "the subscription key is missing or unknown"),
        Refusal::Login => (401, "the user name or the password is wrong"),
        Refusal::Refresh => (401, "the refresh token is not valid"),
    };
    Answer::json(status, json!({ "status": status, "message": message }))
}

const CREATED: u16 = 201;
const SNAKE_CASE: Spelling =
    Spelling { expires_in: "expires_in", expires_at: "expires_at", not_before: "not_before" };
const CAMEL_CASE: Spelling =
    Spelling { expires_in: "expiresIn", expires_at: "expiresAt", not_before: "notBefore" };

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::{
        Credentials, Sandbox, Settings,
        test_client::{FORM, JSON, call, login},
    };

    #[tokio::test]
    async fn an_answer_has_the_documented_members() {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        let answer = login(&sandbox).await.json();
        let (authorization, refresh) = (&answer["authorization"], &answer["refresh"]);
        assert_eq!(authorization["type"], "Bearer");
        assert_eq!(
            (&authorization["expires_in"], &refresh["expires_in"]),
            (&json!(43_200), &json!(1_209_600))
        );
        assert!(authorization["not_before"].is_i64());
        let expires_at = authorization["expires_at"].as_str().unwrap();
        let expires_at =
            chrono::NaiveDateTime::parse_from_str(expires_at, "%Y-%m-%dT%H:%M:%S").unwrap();
        let not_before = authorization["not_before"].as_i64().unwrap();
        assert!((43_199..=43_200).contains(&(expires_at.and_utc().timestamp() - not_before)));
    }

    #[tokio::test]
    async fn an_answer_can_be_in_camel_case() {
        let settings = Settings { camel_case: true, ..Settings::default() };
        let answer = login(&Sandbox::start(settings).await.unwrap()).await.json();
        assert_eq!(answer["authorization"]["expiresIn"], 43_200);
        assert!(answer["authorization"]["notBefore"].is_i64());
        assert!(answer["refresh"]["expiresAt"].is_string());
        assert!(answer["refresh"].get("expires_at").is_none());
    }

    #[tokio::test]
    async fn bad_requests_are_refused_in_json() {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        let key = Credentials::default().subscription_key;
        let key = ("subscription-key", key.as_str());
        let wrong_password = r#"{"username":"sandbox-user","password":"x"}"#;
        let unknown_token = r#"{"token":"x"}"#;
        let cases = [
            (401, "/auth/v2/login", vec![JSON], wrong_password),
            (401, "/auth/v3/refresh", vec![JSON, ("subscription-key", "x")], unknown_token),
            (401, "/auth/v3/login", vec![JSON, key], wrong_password),
            (401, "/auth/v2/refresh", vec![JSON, key], unknown_token),
            (400, "/auth/v2/refresh", vec![FORM, key], unknown_token),
            (400, "/auth/v2/refresh", vec![JSON, key], "{"),
            (400, "/auth/v2/login", vec![JSON, key], unknown_token),
        ];
        for (status, path, headers, body) in &cases {
            let reply = call(&sandbox, &format!("POST {path}"), headers, body).await;
            assert_eq!(reply.status, *status, "{path} {body}");
            assert!(reply.json()["message"].is_string());
        }
        assert_eq!(sandbox.counts().refused, cases.len() as u64);
    }
}
