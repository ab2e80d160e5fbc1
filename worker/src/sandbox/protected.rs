//! Where tokens are shown rather than issued: introspection (RFC 7662) and a protected resource
//! (RFC 6750).
//! Faults and counts do not reach here; they concern exchanges.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    form::Form,
    provider::{Provider, Refusal, instant, wall_clock, wall_clock_after},
    recorded::Heard,
    rfc6749,
};

/// `POST /oauth2/introspect`
pub(super) async fn introspect(
    State(provider): State<Arc<Provider>>,
    request: Request,
) -> Response {
    let heard = Heard::listen(&provider, request).await;
    let answer = match read_introspection(&provider, &heard) {
        Ok(token) => Answer::json(200, describe(&provider, &token)),
        Err(refusal) => rfc6749::refuse(refusal),
    };
    answer.with_header("cache-control", "no-store").into_response()
}

/// `GET /resource`
pub(super) async fn resource(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let heard = Heard::listen(&provider, request).await;
    let answer = match bearer(&heard) {
        None => Answer::json(401, json!({ "message": "a bearer token is missing" }))
            .with_header("www-authenticate", r#"Bearer realm="sandbox""#),
        Some(token) if admit(&provider, token) => {
            Answer::json(200, json!({ "message": "the token opens this resource" }))
        }
        Some(_) => Answer::json(401, json!({ "message": "the token is not valid" }))
            .with_header("www-authenticate", r#"Bearer realm="sandbox", error="invalid_token""#),
    };
    answer.into_response()
}

fn read_introspection(provider: &Provider, heard: &Heard) -> Result<String, Refusal> {
    let mut form = Form::read(heard)?;
    form.authenticate(heard, &provider.lock().credentials)?;
    form.take("token").ok_or(Refusal::Malformed("token is missing"))
}

fn describe(provider: &Provider, token: &str) -> Value {
    let now = instant();
    let inner = provider.lock();
    let ledger = &inner.ledger;
    let left = ledger.access_left(token, now).or_else(|| ledger.refresh_left(token, now));
    let Some(left) = left else {
        return json!({ "active": false });
    };
    let mut answer = json!({
        "active": true,
        "client_id": inner.credentials.client_id,
        "token_type": "Bearer",
        "exp": wall_clock_after(wall_clock(), left).timestamp(),
    });
    if let Some(scope) = ledger.scope_of(token) {
        answer["scope"] = json!(scope);
    }
    answer
}

fn bearer(heard: &Heard) -> Option<&str> {
    let (scheme, token) = heard.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn admit(provider: &Provider, token: &str) -> bool {
    let mut inner = provider.lock();
    let is_active = inner.ledger.is_active(token, instant());
    if is_active {
        inner.ledger.mark_shown(token);
    }
    is_active
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::{
        Rotation, Sandbox, Settings,
        test_client::{FORM, call, form, refresh},
    };

    async fn show(sandbox: &Sandbox, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        call(sandbox, "GET /resource", &[("authorization", &bearer)], "").await.status
    }

    #[tokio::test]
    async fn introspection_tells_live_tokens_from_dead_ones() {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        let pair = sandbox.issue_pair();
        for token in [&pair.access_token, &pair.refresh_token] {
            let answer = form(&sandbox, PATH, &format!("token={token}")).await.json();
            assert_eq!(
                (&answer["active"], &answer["client_id"]),
                (&json!(true), &json!("sandbox-client"))
            );
            assert!(answer["exp"].is_i64());
        }
        sandbox.revoke_all();
        let answer = form(&sandbox, PATH, &format!("token={}", pair.access_token)).await.json();
        assert_eq!(answer, json!({ "active": false }));
    }

    #[tokio::test]
    async fn introspection_asks_for_a_client_and_a_token() {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        assert_eq!(call(&sandbox, "POST /oauth2/introspect", &[FORM], "token=x").await.status, 401);
        assert_eq!(form(&sandbox, PATH, "").await.status, 400);
    }

    #[tokio::test]
    async fn the_resource_opens_for_active_tokens_only() {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        let token = sandbox.issue_pair().access_token;
        assert_eq!(show(&sandbox, &token).await, 200);
        assert_eq!(show(&sandbox, "unknown").await, 401);
        assert_eq!(call(&sandbox, "GET /resource", &[], "").await.status, 401);
        sandbox.expire_access_tokens();
        assert_eq!(show(&sandbox, &token).await, 401);
    }

    #[tokio::test]
    async fn a_token_shown_to_the_resource_is_not_reissued() {
        let settings = Settings { rotation: Rotation::ReissueIfUnused, ..Settings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let token = sandbox.issue_grant();
        let second = refresh(&sandbox, &token).await;
        assert_eq!(show(&sandbox, &second.text("/authorization/token")).await, 200);
        assert_eq!(refresh(&sandbox, &token).await.status, 401);
    }

    const PATH: &str = "/oauth2/introspect";
}
