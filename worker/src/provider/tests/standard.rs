//! RFC 6749: each grant, both ways of client authentication, and what else servers want.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;

fn oauth2(grant: Grant) -> OAuth2 {
    OAuth2 {
        token_url: Url::parse("https://login.example.com/oauth2/token?tenant=7").unwrap(),
        grant,
        client_id: written("the client"),
        client_secret: Some(env("SECRET")),
        client_auth: ClientAuth::Basic,
        parameters: BTreeMap::new(),
        transport: transport(),
    }
}

fn password() -> Grant {
    Grant::Password { username: from_env("USERNAME"), password: env("PASSWORD") }
}

fn brought() -> Grant {
    Grant::RefreshToken { first: env("FIRST") }
}

/// One of each grant and way of authentication, with secrets wherever they fit.
pub(super) fn every_kind() -> Vec<OAuth2> {
    let mut all = Vec::new();
    for client_auth in [ClientAuth::Basic, ClientAuth::Post] {
        for client_secret in [Some(env("SECRET")), None] {
            for grant in [Grant::ClientCredentials, password(), brought()] {
                let parameters = [("tenant".to_owned(), from_env("TENANT"))].into();
                let client_secret = client_secret.clone();
                all.push(OAuth2 { client_secret, client_auth, parameters, ..oauth2(grant) });
            }
        }
    }
    all
}

/// The parameters as a server reads them.
fn form(request: &ProviderRequest) -> Vec<(String, String)> {
    assert_eq!(request.content_type, "application/x-www-form-urlencoded");
    form_urlencoded::parse(request.body.expose().as_bytes()).into_owned().collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn login(oauth2: &OAuth2) -> ProviderRequest {
    oauth2.request(&Step::Login, &environment()).unwrap()
}

#[test]
fn a_login_by_client_credentials_names_the_grant_alone() {
    let request = login(&oauth2(Grant::ClientCredentials));
    assert_eq!(request.url.as_str(), "https://login.example.com/oauth2/token?tenant=7");
    assert_eq!(form(&request), pairs(&[("grant_type", "client_credentials")]));
    assert_eq!(request.ca_file, Some("/ca.pem".into()));
    assert_eq!(header(&request, "X-Tenant"), Some("canary-tenant"));
}

#[test]
fn a_login_by_password_presents_name_and_password() {
    let expected = [
        ("grant_type", "password"),
        ("username", "canary-user@example.com"),
        ("password", "canary-\"pass\\word\" ä&=+"),
    ];
    assert_eq!(form(&login(&oauth2(password()))), pairs(&expected));
}

#[test]
fn every_grant_refreshes_in_the_same_way() {
    for grant in [Grant::ClientCredentials, password(), brought()] {
        let request = oauth2(grant).request(&refresh(), &environment()).unwrap();
        let expected =
            [("grant_type", "refresh_token"), ("refresh_token", "canary-refresh &=+\"\\ä")];
        assert_eq!(form(&request), pairs(&expected));
        assert!(header(&request, "Authorization").is_some());
    }
}

#[test]
fn id_and_secret_are_form_encoded_before_they_become_basic() {
    // RFC 6749, 2.3.1 and appendix B.
    for (id, secret, expected) in [
        ("client", "secret", "client:secret"),
        ("the client", "a:b", "the+client:a%3Ab"),
        (
            "https://id.example/?a=b",
            "p%+&=ä /",
            "https%3A%2F%2Fid.example%2F%3Fa%3Db:p%25%2B%26%3D%C3%A4+%2F",
        ),
        ("a-b.c_d*", "~", "a-b.c_d*:%7E"),
    ] {
        let oauth2 = OAuth2 { client_id: written(id), ..oauth2(Grant::ClientCredentials) };
        let request =
            oauth2.request(&Step::Login, &Environment::of([("SECRET", secret), ("TENANT", "t")]));
        let request = request.unwrap();
        let value = header(&request, "Authorization").unwrap();
        let decoded = BASE64_STANDARD.decode(value.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), expected);
        assert_eq!(form(&request), pairs(&[("grant_type", "client_credentials")]));
    }
}

#[test]
fn a_client_that_posts_its_secret_sends_no_header_for_it() {
    let oauth2 = OAuth2 { client_auth: ClientAuth::Post, ..oauth2(Grant::ClientCredentials) };
    let request = login(&oauth2);
    assert_eq!(header(&request, "Authorization"), None);
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "the client"),
        ("client_secret", "canary-secret"),
    ];
    assert_eq!(form(&request), pairs(&expected));
}

#[test]
fn a_public_client_names_itself_in_the_body() {
    for client_auth in [ClientAuth::Basic, ClientAuth::Post] {
        let oauth2 = OAuth2 { client_auth, client_secret: None, ..oauth2(brought()) };
        let request = oauth2.request(&refresh(), &environment()).unwrap();
        assert_eq!(header(&request, "Authorization"), None);
        let form = form(&request);
        assert_eq!(form.last(), pairs(&[("client_id", "the client")]).last());
        assert!(form.iter().all(|(name, _)| name != "client_secret"));
    }
}

#[test]
fn scope_resource_audience_and_others_go_into_every_request() {
    let parameters = [
        ("audience".to_owned(), written("https://api.example.com")),
        ("resource".to_owned(), written("urn:a b")),
        ("scope".to_owned(), written("read write")),
        ("tenant".to_owned(), from_env("TENANT")),
    ];
    let expected = pairs(&[
        ("audience", "https://api.example.com"),
        ("resource", "urn:a b"),
        ("scope", "read write"),
        ("tenant", "canary-tenant"),
    ]);
    for grant in [Grant::ClientCredentials, password(), brought()] {
        let oauth2 = OAuth2 { parameters: parameters.clone().into(), ..oauth2(grant) };
        for step in [Step::Login, refresh()] {
            let form = form(&oauth2.request(&step, &environment()).unwrap());
            assert_eq!(form[form.len() - 4..], expected);
        }
    }
}

#[test]
fn no_parameter_comes_twice() {
    for oauth2 in every_kind() {
        for step in [Step::Login, refresh()] {
            let form = form(&oauth2.request(&step, &environment()).unwrap());
            let names: std::collections::BTreeSet<_> = form.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), form.len(), "{:?}", oauth2.grant);
        }
    }
}

#[test]
fn the_first_refresh_token_is_read_where_the_grant_names_it() {
    let first =
        |grant| Provider::OAuth2(oauth2(grant)).first_refresh_token(&environment()).unwrap();
    assert_eq!(first(brought()).unwrap().expose(), "canary-first");
    assert_eq!(first(Grant::ClientCredentials), None);
    assert_eq!(first(password()), None);
    let message = Provider::OAuth2(oauth2(brought())).first_refresh_token(&Environment::of([]));
    let message = message.unwrap_err().to_string();
    assert!(message.starts_with("refresh_token") && message.contains("FIRST"), "{message}");
}

#[test]
fn only_a_grant_with_credentials_can_log_in() {
    let provider = |grant| Provider::OAuth2(oauth2(grant));
    assert!(provider(Grant::ClientCredentials).can_login() && provider(password()).can_login());
    assert!(!provider(brought()).can_login());
    assert_eq!(
        (provider(password()).word(), provider(password()).shape()),
        ("oauth2", Shape::Rfc6749)
    );
    assert_eq!(provider(password()).host(), "login.example.com:443");
}

#[test]
fn a_secret_is_read_again_for_every_request() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let secret = Some(SecretRef::File(file.path().to_owned()));
    let oauth2 = OAuth2 {
        client_auth: ClientAuth::Post,
        client_secret: secret,
        ..oauth2(Grant::ClientCredentials)
    };
    for current in ["old", "new"] {
        std::fs::write(file.path(), format!("{current}\n")).unwrap();
        assert_eq!(form(&login(&oauth2)).last(), pairs(&[("client_secret", current)]).last());
    }
}
