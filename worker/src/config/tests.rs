//! Good and bad configurations: what is said, where, and that no secret is.

mod cloud;
mod refusals;
mod tutorial;

use std::{fs, os::unix::fs::PermissionsExt};

use tokenkeeper_shared::settings::TextOrRef;

use super::*;
use crate::provider::oauth2::{ClientAuth, Grant, OAuth2};

/// A home of its own, so that no file of this machine counts.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn environment(&self, pairs: &[(&str, &str)]) -> Environment {
        let home = self.0.path().display().to_string();
        Environment::of(pairs.iter().copied().chain([("HOME", home.as_str())]))
    }

    fn load(&self, text: Option<&str>, pairs: &[(&str, &str)]) -> Result<Config, SettingsError> {
        // A named file: another in the current directory must not count.
        let text = text.unwrap_or_default();
        let environment = self.environment(pairs);
        let flag = self.file("tokenkeeper.toml", text).into();
        Config::load(&Settings::load(&environment, Some(flag))?, &environment)
    }

    /// With no file at all.
    fn load_bare(&self, pairs: &[(&str, &str)]) -> Result<Config, SettingsError> {
        let environment = self.environment(pairs);
        let mut settings = Settings::load(&environment, Some(self.file("empty.toml", "").into()))?;
        settings.file = None;
        Config::load(&settings, &environment)
    }
}

fn load(text: &str) -> Result<Config, SettingsError> {
    Home::new().load(Some(text), &[])
}

fn token(config: &Config, name: &str) -> TokenConfig {
    config.tokens[&name.parse().unwrap()].clone()
}

fn oauth2(token: TokenConfig) -> OAuth2 {
    match token.provider {
        Provider::OAuth2(oauth2) => oauth2,
        Provider::Quartile(_) => panic!("it is Quartile"),
    }
}

fn quartile(token: TokenConfig) -> Quartile {
    match token.provider {
        Provider::Quartile(quartile) => quartile,
        Provider::OAuth2(_) => panic!("it is OAuth2"),
    }
}

fn is_text(value: &TextOrRef, expected: &str) -> bool {
    matches!(value, TextOrRef::Text(text) if text == expected)
}

fn is_env(value: &TextOrRef, expected: &str) -> bool {
    matches!(value, TextOrRef::Ref(reference) if *reference == env(expected))
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One of everything.
const EVERYTHING: &str = r#"
seal = "off"

[run]
deadline = "2m"
per_host = 4

[tokens.quartile]
provider = "quartile"
version = "v3"
subscription_key = { env = "KEY" }
username = "me@example.com"
password = { file = "/run/secrets/password" }
refresh_before = "90m"
replay_window = "30s"
ca_file = "/etc/ssl/ours.pem"
headers = { X-Tenant = "7", X-Secret = { env = "TENANT_SECRET" } }

[tokens.machine]
provider = "oauth2"
grant = "client_credentials"
token_url = "https://login.example.com/oauth2/token"
client_id = "machine"
client_secret = { credential = "machine-secret" }
client_auth = "post"
scope = "read write"
resource = "https://api.example.com"
audience = "api"
default_lifetime = "1h"
parameters = { tenant = "7", assertion = { env = "ASSERTION" } }

[tokens."a.human_1"]
provider = "oauth2"
grant = "password"
token_url = "http://127.0.0.1:8080/token"
client_id = { env = "CLIENT" }
username = { env = "USER_NAME" }
password = { command = ["pass", "show", "x"] }

[tokens.brought]
provider = "oauth2"
grant = "refresh_token"
token_url = "https://login.example.com/token"
client_id = "public"
refresh_token = { file = "/run/secrets/first" }
"#;

#[test]
fn a_quartile_table_is_understood() {
    let config = load(EVERYTHING).unwrap();
    assert_eq!((config.run.deadline, config.run.per_host.get()), (secs(120), 4));
    assert_eq!(config.tokens.len(), 4);
    assert!(!config.is_tutorials);
    let token = token(&config, "quartile");
    assert_eq!((token.policy.refresh_before, token.replay_window), (secs(5400), secs(30)));
    assert_eq!((token.provider.word(), token.provider.can_login()), ("quartile", true));
    assert_eq!(token.provider.host(), "api.quartile.com:443");
    let quartile = quartile(token);
    assert_eq!(quartile.url.as_str(), "https://api.quartile.com/auth/v3");
    assert_eq!(quartile.subscription_key, env("KEY"));
    assert!(is_text(&quartile.username, "me@example.com"));
    assert_eq!(quartile.password, SecretRef::File("/run/secrets/password".into()));
    assert_eq!(quartile.transport.ca_file, Some("/etc/ssl/ours.pem".into()));
    assert!(is_text(&quartile.transport.headers["X-Tenant"], "7"));
    assert!(is_env(&quartile.transport.headers["X-Secret"], "TENANT_SECRET"));
}

#[test]
fn each_grant_of_an_oauth2_table_is_understood() {
    let config = load(EVERYTHING).unwrap();
    let machine = token(&config, "machine");
    assert_eq!(machine.policy.default_lifetime, Some(secs(3600)));
    assert_eq!((machine.provider.word(), machine.provider.can_login()), ("oauth2", true));
    let machine = oauth2(machine);
    assert!(matches!(machine.grant, Grant::ClientCredentials));
    assert_eq!(machine.client_auth, ClientAuth::Post);
    assert_eq!(machine.client_secret, Some(SecretRef::Credential("machine-secret".to_owned())));
    let names: Vec<_> = machine.parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["assertion", "audience", "resource", "scope", "tenant"]);
    let human = oauth2(token(&config, "a.human_1"));
    let Grant::Password { username, password } = &human.grant else { panic!("{:?}", human.grant) };
    assert!(is_env(username, "USER_NAME"));
    assert!(matches!(password, SecretRef::Command(words) if words.len() == 3));
    assert_eq!((human.client_auth, human.client_secret), (ClientAuth::Basic, None));
    let brought = token(&config, "brought");
    assert!(!brought.provider.can_login());
    let Grant::RefreshToken { first } = oauth2(brought).grant else { panic!("another grant") };
    assert_eq!(first, SecretRef::File("/run/secrets/first".into()));
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = load("").unwrap();
    assert!(config.tokens.is_empty() && !config.is_tutorials);
    assert_eq!((config.run.deadline, config.run.per_host.get()), (secs(300), 16));
    let config = load(EVERYTHING).unwrap();
    let brought = token(&config, "brought");
    assert_eq!(brought.policy, RefreshPolicy::default());
    assert_eq!(
        (brought.policy.refresh_before, brought.replay_window),
        (secs(3600), Duration::ZERO)
    );
    assert!(oauth2(brought).parameters.is_empty());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    let text = format!("\u{feff}{}", EVERYTHING.replace('\n', "\r\n"));
    assert_eq!(load(&text).unwrap().tokens.len(), 4);
}

/// A Quartile table with these lines in it.
fn quartile_with(lines: &str) -> String {
    let needed = "subscription_key = { env = \"K\" }\nusername = \"u\"\npassword = { env = \"P\" }";
    format!("[tokens.q]\nprovider = \"quartile\"\n{needed}\n{lines}\n")
}

#[test]
fn the_version_follows_the_base_once() {
    let cases = [
        ("", "https://api.quartile.com/auth/v2"),
        ("version = \"v2\"", "https://api.quartile.com/auth/v2"),
        ("version = \"v3\"", "https://api.quartile.com/auth/v3"),
        ("base_url = \"https://h.test/auth\"", "https://h.test/auth/v2"),
        ("base_url = \"https://h.test/auth/\"", "https://h.test/auth/v2"),
        ("base_url = \"https://h.test/auth/v2\"", "https://h.test/auth/v2"),
        ("base_url = \"https://h.test/auth/v3/\"", "https://h.test/auth/v3"),
        ("base_url = \"https://h.test\"\nversion = \"v3\"", "https://h.test/v3"),
    ];
    for (lines, expected) in cases {
        let config = load(&quartile_with(lines)).unwrap();
        assert_eq!(quartile(token(&config, "q")).url.as_str(), expected, "{lines}");
    }
}

#[test]
fn a_version_in_the_base_that_is_not_the_one_asked_for_is_told() {
    let lines = "base_url = \"https://h.test/auth/v2\"\nversion = \"v3\"";
    let message = load(&quartile_with(lines)).map(|config| quartile(token(&config, "q")).url);
    assert!(message.is_err(), "{message:?}");
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for good in ["127.0.0.1:1", "127.9.9.9", "[::1]:8080", "localhost", "LOCALHOST", "x.localhost"]
    {
        let config = load(&quartile_with(&format!("base_url = \"http://{good}/auth\"")));
        assert!(config.is_ok(), "{good}");
    }
    let elsewhere = [
        "example.com",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::]",
        "[::ffff:10.0.0.1]",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "notlocalhost",
        "2130706434.example.com",
    ];
    for bad in elsewhere {
        let message = load(&quartile_with(&format!("base_url = \"http://{bad}/auth\"")));
        let message = message.unwrap_err().to_string();
        assert!(message.contains("credentials need https"), "{bad}: {message}");
    }
}

#[test]
fn a_configuration_does_not_print_secrets_that_its_references_lead_to() {
    let home = Home::new();
    let file = home.file("secret", "canary-file");
    let text = EVERYTHING.replace("/run/secrets/password", &file);
    let pairs =
        [("KEY", "canary-key"), ("TENANT_SECRET", "canary-tenant"), ("ASSERTION", "canary-a")];
    let config = home.load(Some(&text), &pairs).unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("TENANT_SECRET") && !shown.contains("canary"), "{shown}");
}
