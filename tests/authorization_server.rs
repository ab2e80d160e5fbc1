//! The two programs against a real authorization server that nobody here wrote, the npm package
//! oidc-provider, on each database. Providers that misbehave are in `programs` and `refresh`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "programs/host.rs"]
mod host;
#[path = "programs/sql.rs"]
mod sql;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::Mutex,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{
    databases::{Database, Kind},
    oidc::{Client, Endpoint, Oidc, oidc, post_form},
};
use host::{Host, in_turn, on_each, only_line, path, tells};

#[test]
fn client_credentials_log_in_by_header_and_by_body() {
    let provider = oidc();
    on_each(|kind| {
        let (host, _database) = host(kind);
        host.configure(
            &[
                client_credentials("basic", provider, &provider.basic),
                client_credentials("post", provider, &provider.post),
            ]
            .concat(),
        );
        let run = host.work(0, &["run"]);
        assert_eq!(run.stdout, "2 logged in\n");
        for name in ["basic", "post"] {
            assert!(is_active(provider, &host.get(name)), "{name}");
        }
        let again = host.work(0, &["refresh", "basic", "--force"]);
        assert_eq!(again.stdout, "1 logged in\n");
        assert!(is_active(provider, &host.get("basic")));
    });
}

#[test]
fn a_rotating_refresh_token_is_spent_once_in_each_generation() {
    let provider = Oidc::start(Duration::from_mins(2));
    let turns = Mutex::new(());
    on_each(|kind| {
        let (host, database) = host(kind);
        // Requests are counted for all.
        let _turn = in_turn(&turns);
        refresh_token_grant(&host, &provider);
        let before = provider.requests(Endpoint::Token);
        let asked = || provider.requests(Endpoint::Token) - before;
        let mut tokens = Vec::new();
        for (generation, arguments) in [
            (1, &["run"][..]),
            (2, &["refresh", "grant", "--force"]),
            (3, &["refresh", "grant", "--force"]),
        ] {
            assert_eq!(host.work(0, arguments).stdout, "1 refreshed\n");
            assert_eq!(asked(), generation);
            assert_eq!(host.status("grant")["generation"], generation);
            tokens.push(host.get("grant"));
            let newest = tokens.last().unwrap();
            assert!(is_active(&provider, newest), "{kind}, {generation}");
        }
        assert_eq!(host.work(0, &["run"]).stdout, "", "nothing is due");
        sql::make_due(&database);
        assert_eq!(host.work(0, &["run"]).stdout, "1 refreshed\n");
        assert_eq!(asked(), 4);
        tokens.push(host.get("grant"));
        tokens.dedup();
        assert_eq!(tokens.len(), 4, "each generation has a token of its own");
        // A replay would have killed the grant and every token of it.
        assert!(is_active(&provider, tokens.last().unwrap()));
    });
}

#[test]
fn a_token_is_renewed_before_the_servers_own_expiry() {
    let provider = Oidc::start(Duration::from_secs(12));
    on_each(|kind| {
        let (host, database) = host(kind);
        refresh_token_grant(&host, &provider);
        host.work(0, &["run"]);
        let first = host.get("grant");
        sql::wait_until_due(&database);
        assert!(is_active(&provider, &first), "renewed in time");
        assert_eq!(host.work(0, &["run"]).stdout, "1 refreshed\n");
        let second = host.get("grant");
        assert!(second != first && is_active(&provider, &second));
    });
}

#[test]
fn a_grant_that_a_replay_has_killed_needs_a_human_and_is_served_until_it_expires() {
    let provider = Oidc::start(Duration::from_secs(15));
    on_each(|kind| {
        let (host, database) = host(kind);
        let seed = refresh_token_grant(&host, &provider);
        host.work(0, &["run"]);
        let token = host.get("grant");
        let until = host.status("grant")["expires_at"].clone();
        let until = until.as_str().unwrap();

        // Somebody else presents the token that we have spent: the server ends the whole grant.
        let (status, answer) = replay(&provider, &seed);
        assert_eq!(status, 400, "{answer}");
        assert!(answer.contains("invalid_grant"), "{answer}");
        assert!(!is_active(&provider, &token), "the server has ended it");

        let advice = "tokenkeeper-worker refresh grant --force";
        let forced = host.work(4, &["refresh", "grant", "--force"]);
        tells(&forced, &["rejected", "invalid_grant", until, advice]);
        let run = host.work(4, &["run"]);
        tells(&run, &["grant", advice]);
        assert_eq!(host.status("grant")["state"], "needs_login");
        let got = host.consume(0, &["get", "grant"]);
        assert_eq!(only_line(&got.stdout), token);
        tells(&got, &["warning: grant", until, "until a human acts"]);

        sql::wait_until_expired(&database);
        let refused = host.consume(4, &["get", "grant"]);
        assert_eq!(refused.stdout, "");
        tells(&refused, &["expired at", until, "invalid_grant", advice]);
    });
}

#[test]
fn a_new_refresh_token_from_a_human_revives_a_dead_grant() {
    let provider = oidc();
    on_each(|kind| {
        let (host, _database) = host(kind);
        host.write("seed", "no-such-refresh-token");
        configure_grant(&host, provider);
        let run = host.work(4, &["run"]);
        tells(&run, &["rejected", "invalid_grant", "there is no valid token"]);
        host.consume(4, &["get", "grant"]);
        host.write("seed", &provider.refresh_token());
        host.work(0, &["refresh", "grant", "--force"]);
        assert!(is_active(provider, &host.get("grant")));
        host.work(0, &["run"]);
    });
}

#[test]
fn a_wrong_client_secret_is_asked_with_once_and_costs_no_refresh_token() {
    let provider = Oidc::start(Duration::from_mins(2));
    let turns = Mutex::new(());
    on_each(|kind| {
        let (host, _database) = host(kind);
        let _turn = in_turn(&turns);
        refresh_token_grant(&host, &provider);
        let secret = host.write("secret", "wrong");
        let before = provider.requests(Endpoint::Token);
        let run = host.work(5, &["run"]);
        tells(&run, &["misconfigured", "invalid_client", "no valid token"]);
        for _ in 0..3 {
            host.worker(&["run"]).run();
        }
        assert_eq!(provider.requests(Endpoint::Token), before + 1);
        let row = host.status("grant");
        assert_eq!((&row["state"], &row["failures"]), (&"new".into(), &1.into()));
        let got = host.consume(5, &["get", "grant"]);
        tells(&got, &["no login has succeeded yet", "misconfigured", "next try from"]);

        fs::write(secret, &provider.code.secret).unwrap();
        host.work(0, &["refresh", "grant", "--force"]);
        assert!(is_active(&provider, &host.get("grant")));
    });
}

#[test]
fn wrong_client_credentials_make_no_loop() {
    let provider = oidc();
    on_each(|kind| {
        let (host, _database) = host(kind);
        let wrong = Client { id: provider.post.id.clone(), secret: "wrong".to_owned() };
        host.configure(&client_credentials("post", provider, &wrong));
        let run = host.work(5, &["run"]);
        tells(&run, &["post", "misconfigured", "invalid_client", "next try from"]);
        assert!(!run.stderr.contains("wrong"), "{run:?}");
        host.worker(&["run"]).run();
        assert_eq!(host.status("post")["failures"], 1);
    });
}

/// A host with a key and a fresh database.
fn host(kind: Kind) -> (Host, Database) {
    let database = Database::fresh(kind);
    let host = Host::new().with("DATABASE_URL", &database.url);
    host.make_key();
    (host, database)
}

fn client_credentials(name: &str, provider: &Oidc, client: &Client) -> String {
    format!(
        "[tokens.{name}]\nprovider = \"oauth2\"\ntoken_url = \"{}\"\nclient_auth = \"{name}\"\n\
         grant = \"client_credentials\"\nclient_id = \"{}\"\nscope = \"read\"\n\
         client_secret = {{ command = [\"printf\", \"{}\"] }}\n",
        provider.token_url, client.id, client.secret
    )
}

/// Configures the token `grant` with a refresh token that a human got, and returns that.
fn refresh_token_grant(host: &Host, provider: &Oidc) -> String {
    let seed = provider.refresh_token();
    host.write("seed", &seed);
    configure_grant(host, provider);
    seed
}

/// The token `grant`, whose first refresh token lies in the file `seed`.
fn configure_grant(host: &Host, provider: &Oidc) -> PathBuf {
    let secret = host.write("secret", &provider.code.secret);
    host.configure(&format!(
        "[tokens.grant]\nprovider = \"oauth2\"\ntoken_url = \"{}\"\ngrant = \"refresh_token\"\n\
         client_id = \"{}\"\nclient_secret = {{ file = \"{}\" }}\n\
         refresh_token = {{ file = \"{}\" }}\n",
        provider.token_url,
        provider.code.id,
        path(&secret),
        path(&host.home().join("seed")),
    ))
}

/// RFC 7662, by a client that may ask about any token.
fn is_active(provider: &Oidc, token: &str) -> bool {
    let Client { id, secret } = &provider.post;
    let form = format!("token={token}&client_id={id}&client_secret={secret}");
    let (status, answer) = post_form(&provider.introspection_url, &form);
    assert_eq!(status, 200, "{answer}");
    answer.contains(r#""active":true"#)
}

/// Presents a refresh token as its client would, past our programs; status and body.
fn replay(provider: &Oidc, refresh_token: &str) -> (u16, String) {
    let Client { id, secret } = &provider.code;
    let client = BASE64_STANDARD.encode(format!("{id}:{secret}"));
    let form = format!("grant_type=refresh_token&refresh_token={refresh_token}");
    let address = provider.token_url.split('/').nth(2).unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "POST /token HTTP/1.0\r\nauthorization: Basic {client}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}
