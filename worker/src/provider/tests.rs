//! What requests look like on paper, for each provider, grant and way of authentication.

mod standard;

use serde_json::{Value, json};
use tokenkeeper_shared::settings::SecretRef;
use url::form_urlencoded;

use super::*;
use crate::provider::oauth2::{ClientAuth, Grant};

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn from_env(name: &str) -> TextOrRef {
    TextOrRef::Ref(env(name))
}

fn written(text: &str) -> TextOrRef {
    TextOrRef::Text(text.to_owned())
}

fn environment() -> Environment {
    Environment::of([
        ("KEY", "canary-key"),
        ("USERNAME", "canary-user@example.com"),
        ("PASSWORD", "canary-\"pass\\word\" ä&=+"),
        ("SECRET", "canary-secret"),
        ("TENANT", "canary-tenant"),
        ("FIRST", "canary-first"),
    ])
}

fn refresh() -> Step {
    Step::Refresh(Secret::new("canary-refresh &=+\"\\ä"))
}

fn quartile(url: &str) -> Quartile {
    Quartile::new(Url::parse(url).unwrap(), env("KEY"), env("USERNAME"), env("PASSWORD"))
}

fn transport() -> Transport {
    let headers =
        [("X-Plain".to_owned(), written("7")), ("X-Tenant".to_owned(), from_env("TENANT"))];
    Transport { headers: headers.into(), ca_file: Some("/ca.pem".into()) }
}

fn header<'r>(request: &'r ProviderRequest, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.expose())
}

fn json_body(request: &ProviderRequest) -> Value {
    serde_json::from_str(request.body.expose()).unwrap()
}

#[test]
fn a_quartile_login_presents_the_credentials_as_json() {
    let provider = Provider::Quartile(quartile("https://api.quartile.com/auth/v2"));
    let request = provider.request(&Step::Login, &environment()).unwrap();
    assert_eq!(request.url.as_str(), "https://api.quartile.com/auth/v2/login");
    assert_eq!(request.content_type, "application/json");
    assert_eq!(header(&request, "Subscription-Key"), Some("canary-key"));
    assert_eq!(request.headers.len(), 1);
    let expected =
        json!({"username": "canary-user@example.com", "password": "canary-\"pass\\word\" ä&=+"});
    assert_eq!(json_body(&request), expected);
    assert_eq!(request.ca_file, None);
}

#[test]
fn a_quartile_refresh_presents_the_refresh_token_alone() {
    for (base, expected) in [
        ("https://api.quartile.com/auth/v2", "https://api.quartile.com/auth/v2/refresh"),
        ("https://api.quartile.com/auth/v3", "https://api.quartile.com/auth/v3/refresh"),
        ("http://127.0.0.1:8080/auth/v3/", "http://127.0.0.1:8080/auth/v3/refresh"),
        ("http://[::1]/", "http://[::1]/refresh"),
    ] {
        let request =
            Provider::Quartile(quartile(base)).request(&refresh(), &environment()).unwrap();
        assert_eq!(request.url.as_str(), expected);
        assert_eq!(json_body(&request), json!({"token": "canary-refresh &=+\"\\ä"}));
        assert_eq!(header(&request, "Subscription-Key"), Some("canary-key"));
    }
}

#[test]
fn headers_and_the_certificate_file_travel_with_every_request() {
    let mut provider = quartile("https://h.test/v2");
    provider.transport = transport();
    for step in [Step::Login, refresh()] {
        let request = provider.request(&step, &environment()).unwrap();
        assert_eq!(header(&request, "X-Plain"), Some("7"));
        assert_eq!(header(&request, "X-Tenant"), Some("canary-tenant"));
        assert_eq!(request.ca_file, Some("/ca.pem".into()));
    }
}

#[test]
fn a_secret_that_is_not_there_is_told_by_the_name_of_its_setting() {
    let provider = Provider::Quartile(quartile("https://h.test/v2"));
    let without = |name: &str| {
        let all = [("KEY", "k"), ("USERNAME", "u"), ("PASSWORD", "p")];
        Environment::of(all.into_iter().filter(|(known, _)| *known != name))
    };
    for (variable, owner) in
        [("KEY", "subscription_key"), ("USERNAME", "username"), ("PASSWORD", "password")]
    {
        let message = provider.request(&Step::Login, &without(variable)).unwrap_err().to_string();
        assert!(message.starts_with(owner) && message.contains(variable), "{message}");
    }
    // A refresh needs no password, so that one that cannot be read does not stop it.
    assert!(provider.request(&refresh(), &without("PASSWORD")).is_ok());
}

#[test]
fn a_provider_tells_its_word_host_and_ways() {
    let provider = Provider::Quartile(quartile("https://api.quartile.com/auth/v2"));
    assert_eq!((provider.word(), provider.shape()), ("quartile", Shape::Quartile));
    assert_eq!(provider.host(), "api.quartile.com:443");
    assert!(provider.can_login());
    assert_eq!(provider.first_refresh_token(&environment()).unwrap(), None);
    let provider = Provider::Quartile(quartile("http://127.0.0.1:8080/auth/v2"));
    assert_eq!(provider.host(), "127.0.0.1:8080");
}

/// Whatever can be formatted, in both ways.
fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn neither_a_provider_nor_a_request_prints_a_secret() {
    let mut with_headers = quartile("https://h.test/v2");
    with_headers.transport = transport();
    let providers = standard::every_kind().into_iter().map(Provider::OAuth2);
    for provider in providers.chain([Provider::Quartile(with_headers)]) {
        assert!(!shown(&provider).contains("canary"));
        for step in [Step::Login, refresh()] {
            assert!(!shown(&step).contains("canary"));
            let request = provider.request(&step, &environment()).unwrap();
            let all: String = request.headers.iter().map(|(_, value)| value.expose()).collect();
            assert!((all + request.body.expose()).len() > 10);
            // The encoded forms hide as little as the plain ones.
            for form in ["canary", "Y2FuYXJ5", "Basic "] {
                assert!(!shown(&request).contains(form), "{request:?}");
            }
        }
    }
}
