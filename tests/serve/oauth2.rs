//! The token endpoint: by the letter of RFC 6749, and by clients that nobody here wrote.

use base64::{Engine, prelude::BASE64_STANDARD};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl, basic::BasicClient, basic::BasicErrorResponseType,
};
use serde_json::json;

use super::{
    http::{Answer, request},
    stage::{HOUR, Server, Stage},
};
use crate::harness::databases::Kind;

const FORM: &str = "application/x-www-form-urlencoded";

fn ask(server: &Server, authorization: Option<&str>, form: &str) -> Answer {
    let mut headers = vec![("Content-Type", FORM)];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    server.ask(&request("POST", "/oauth2/token", &headers, form))
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

#[test]
fn a_client_gets_the_managed_token_for_its_credentials() {
    let stage = Stage::with_token();
    let key = stage.new_key("edfi", &["--token", "edfi"]);
    let server = stage.serve(&[]);
    let posted = format!("grant_type=client_credentials&client_id=edfi&client_secret={key}");
    let by_post = ask(&server, None, &posted);
    let by_basic =
        ask(&server, Some(&basic("edfi", &key)), "grant_type=client_credentials&scope=any");
    for answer in [by_post, by_basic] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        let granted = answer.json();
        assert_eq!(granted["access_token"], "access-edfi-1");
        assert_eq!((&granted["token_type"], &granted["scope"]), (&json!("Bearer"), &json!("read")));
        assert!((3590..=3600).contains(&granted["expires_in"].as_u64().unwrap()), "{granted}");
    }
}

#[test]
fn refusals_are_those_of_the_standard() {
    let stage = Stage::with_token();
    stage.keep("waits", HOUR);
    stage.sql(
        "UPDATE tokens SET state = 'needs_login', access_token_expires = 1 WHERE name = 'waits'",
    );
    stage.enrol("new");
    let key = stage.new_key("all", &["--token", "*"]);
    let narrow = stage.new_key("narrow", &["--token", "edfi"]);
    let server = stage.serve(&[]);
    let grant = "grant_type=client_credentials";
    let post = |id: &str, secret: &str| format!("{grant}&client_id={id}&client_secret={secret}");
    for (authorization, form, status, error) in [
        (None, post("edfi", "wrong"), 401, "invalid_client"),
        (None, post("nobody", &key), 401, "invalid_client"),
        (None, post("waits", &narrow), 401, "invalid_client"),
        (None, post("a%20b", &key), 401, "invalid_client"),
        (None, grant.to_owned(), 401, "invalid_client"),
        (Some(format!("Bearer {key}")), grant.to_owned(), 401, "invalid_client"),
        (Some("Basic !".to_owned()), grant.to_owned(), 401, "invalid_client"),
        (Some(basic("edfi", &key)), format!("{grant}&client_secret={key}"), 400, "invalid_request"),
        (Some(basic("edfi", &key)), format!("{grant}&client_id=other"), 400, "invalid_request"),
        (Some(basic("edfi", &key)), format!("{grant}&{grant}"), 400, "invalid_request"),
        (Some(basic("edfi", &key)), "scope=a".to_owned(), 400, "invalid_request"),
        (
            Some(basic("edfi", &key)),
            "grant_type=password".to_owned(),
            400,
            "unsupported_grant_type",
        ),
        (None, post("waits", &key), 400, "invalid_grant"),
        (None, post("new", &key), 503, "temporarily_unavailable"),
    ] {
        let by_header = authorization.is_some();
        let answer = ask(&server, authorization.as_deref(), &form);
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (status, &json!(error)),
            "{form}: {answer:?}"
        );
        assert!(answer.json()["error_description"].is_string());
        assert!(!answer.body.contains(&key), "{answer:?}");
        let challenge = answer.header("www-authenticate").is_some();
        assert_eq!(challenge, status == 401 && by_header, "{form}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{answer:?}");
    }
    let json = server.post("/oauth2/token", &key, "application/json", "{}");
    assert_eq!((json.status, &json.json()["error"]), (415, &json!("invalid_request")));
}

#[test]
fn what_a_key_may_not_see_looks_as_what_is_not_there_and_as_a_wrong_key() {
    let stage = Stage::with_token();
    stage.keep("other", HOUR);
    let narrow = stage.new_key("narrow", &["--token", "edfi"]);
    let server = stage.serve(&[]);
    let post = |id: &str, secret: &str| {
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    };
    let bodies = [post("edfi", "wrong"), post("nobody", &narrow), post("other", &narrow)];
    let bodies = bodies.map(|form| ask(&server, None, &form).body);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(ask(&server, None, &post("edfi", &narrow)).status, 200);
}

#[test]
fn the_oauth2_crate_gets_a_token() {
    let stage = Stage::on(Kind::Sqlite);
    stage.keep("edfi", HOUR);
    let key = stage.new_key("edfi", &["--token", "edfi"]);
    let server = stage.serve(&[]);
    let send = |request: HttpRequest| -> Result<HttpResponse, std::convert::Infallible> {
        let mut headers = vec![];
        for (name, value) in request.headers() {
            headers.push((name.as_str(), value.to_str().unwrap()));
        }
        let body = String::from_utf8(request.body().clone()).unwrap();
        let answer =
            server.ask(&super::http::request("POST", request.uri().path(), &headers, &body));
        let mut response = HttpResponse::new(answer.body.clone().into_bytes());
        *response.status_mut() = answer.status.try_into().unwrap();
        let kind = answer.header("content-type").unwrap().parse().unwrap();
        response.headers_mut().insert("content-type", kind);
        Ok(response)
    };
    let url = TokenUrl::new(format!("http://localhost:{}/oauth2/token", server.port)).unwrap();
    let client = |secret: &str, auth| {
        BasicClient::new(ClientId::new("edfi".to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_token_uri(url.clone())
            .set_auth_type(auth)
    };
    for auth in [AuthType::BasicAuth, AuthType::RequestBody] {
        let got = client(&key, auth)
            .exchange_client_credentials()
            .add_scope(Scope::new("read".to_owned()))
            .request(&send)
            .unwrap();
        assert_eq!(got.access_token().secret(), "access-edfi-1");
        assert!(got.expires_in().unwrap().as_secs() > 3500);
    }
    let refused = client("wrong", AuthType::BasicAuth).exchange_client_credentials().request(&send);
    let Err(RequestTokenError::ServerResponse(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(*error.error(), BasicErrorResponseType::InvalidClient);
}
