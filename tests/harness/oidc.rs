//! A real OAuth2 provider on loopback: the npm package oidc-provider, started from `tests/oidc`.
//! What a provider may answer otherwise is scripted by the suites themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::coverage;
use super::keeper::{Keeper, Recipe, free_port};
use super::wait;

/// The process's provider, started when first asked for; access tokens live a minute.
pub fn oidc() -> &'static Oidc {
    static PROVIDER: OnceLock<Oidc> = OnceLock::new();
    PROVIDER.get_or_init(|| Oidc::start(Duration::from_mins(1)))
}

pub struct Oidc {
    pub issuer: String,
    pub token_url: String,
    pub introspection_url: String,
    pub revocation_url: String,
    pub userinfo_url: String,
    /// `client_credentials`, authenticates by `client_secret_basic`.
    pub basic: Client,
    /// `client_credentials`, authenticates by `client_secret_post`.
    pub post: Client,
    /// `authorization_code` and `refresh_token`, authenticates by `client_secret_basic`.
    pub code: Client,
    control: String,
    _keeper: Keeper,
}

pub struct Client {
    pub id: String,
    pub secret: String,
}

/// The endpoints whose requests are counted.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint {
    Token,
    Introspection,
    Revocation,
    Userinfo,
}

impl Oidc {
    /// Starts a provider of the test's own, which ends when it is dropped.
    pub fn start(access_token_ttl: Duration) -> Self {
        let keeper = Keeper::prepare(&recipe(access_token_ttl));
        keeper.start(free_port());
        let ready = wait::until(START_LIMIT, || ready_line(&keeper).or_else(|| ended(&keeper)));
        let ready = ready.filter(|line| line.starts_with('{'));
        let ready =
            ready.unwrap_or_else(|| panic!("oidc-provider does not start: {}", keeper.log()));
        coverage::note("oidc-provider");
        Self::announced(&ready, keeper)
    }

    /// A refresh token of the `code` client, fresh from a whole authorization-code flow with PKCE.
    pub fn refresh_token(&self) -> String {
        self.ask_control("POST", "/grant")
    }

    /// How many requests the endpoint has answered, whatever the answer; the flow of `refresh_token` counts too.
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        let name = format!("{endpoint:?}").to_lowercase();
        self.ask_control("GET", &format!("/requests/{name}")).parse().expect("a number")
    }

    fn announced(ready: &str, keeper: Keeper) -> Self {
        let value = |key: &str| string_field(ready, key);
        let client = |name: &str| Client {
            id: value(&format!("{name}_client_id")),
            secret: value(&format!("{name}_client_secret")),
        };
        Self {
            issuer: value("issuer"),
            token_url: value("token_endpoint"),
            introspection_url: value("introspection_endpoint"),
            revocation_url: value("revocation_endpoint"),
            userinfo_url: value("userinfo_endpoint"),
            basic: client("basic"),
            post: client("post"),
            code: client("code"),
            control: value("control"),
            _keeper: keeper,
        }
    }

    fn ask_control(&self, method: &str, path: &str) -> String {
        let (status, body) = exchange(&self.control, &format!("{method} {path} HTTP/1.0\r\n\r\n"));
        assert!(status == 200, "{method} {path} answered {status}: {body}");
        body
    }
}

/// `POST`s a form; returns status and body.
pub fn post_form(url: &str, form: &str) -> (u16, String) {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let kind = "content-type: application/x-www-form-urlencoded";
    let length = form.len();
    exchange(
        url,
        &format!("POST /{path} HTTP/1.0\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{form}"),
    )
}

/// The value of a JSON text's string field, for flat texts without escapes as the provider writes them.
pub fn string_field(json: &str, key: &str) -> String {
    let (_, rest) =
        json.split_once(&format!("\"{key}\":\"")).unwrap_or_else(|| panic!("no {key} in {json}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn recipe(access_token_ttl: Duration) -> Recipe {
    let directory = provider_directory();
    let installed = directory.join("node_modules/oidc-provider").is_dir();
    assert!(installed, "oidc-provider is not installed: call tests/run, which runs npm");
    Recipe {
        variables: vec![
            ("PROVIDER", directory.join("server.mjs").display().to_string()),
            ("ACCESS_TOKEN_TTL", access_token_ttl.as_secs().to_string()),
        ],
        prepare: "command -v node || { echo node not found: install the Debian package nodejs; exit 1; }",
        start: r#"export PORT; exec node "$PROVIDER""#,
        stop: "TERM",
    }
}

/// Beside the manifest of the member that the suite is wired into.
fn provider_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oidc")
}

fn ready_line(keeper: &Keeper) -> Option<String> {
    let log = keeper.log();
    let complete = log.rsplit_once('\n')?.0;
    complete.lines().find(|line| line.starts_with('{')).map(str::to_owned)
}

fn ended(keeper: &Keeper) -> Option<String> {
    if keeper.is_running() { None } else { Some("ended".to_owned()) }
}

/// One exchange on a connection of its own; the address is a URL's.
fn exchange(url: &str, request: &str) -> (u16, String) {
    let address = url.split('/').nth(2).unwrap_or_default();
    let mut connection = TcpStream::connect(address).expect("the provider does not listen");
    connection.write_all(request.as_bytes()).expect("cannot send");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("cannot receive");
    let status =
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an HTTP answer");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

const START_LIMIT: Duration = Duration::from_mins(1);
