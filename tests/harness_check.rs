//! Checks of the harness itself: what the other suites' results rest on.

#![expect(clippy::expect_used, reason = "helpers of tests may fail on the spot, as tests may")]

mod harness;
#[path = "harness_check/proxies.rs"]
mod proxies;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use harness::databases::{Database, Kind, each};
use harness::oidc::{Endpoint, oidc, post_form, string_field};
use harness::product::Product;
use harness::servers::{Server, mysql, postgres};
use harness::wait;

#[test]
fn every_kind_of_database_is_there() {
    for kind in each() {
        let (first, second) = (Database::fresh(kind), Database::fresh(kind));
        assert_ne!(first.url, second.url, "{kind}");
    }
    assert_eq!(postgres().execute("postgres", "SELECT 1"), "1\n");
    assert_eq!(mysql().execute("mysql", "SELECT 1"), "1\n");
}

#[test]
fn a_fresh_database_answers_by_its_url_over_tcp() {
    let postgres = Database::fresh(Kind::Postgres);
    let answer = Command::new("psql")
        .args(["-XAtc", "SELECT 1", &postgres.url])
        .output()
        .expect("psql runs");
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "1\n", "{answer:?}");

    let name = Database::fresh(Kind::MySql).name().to_owned();
    let port = mysql().port();
    let answer = Command::new(Product::mysql().program(Product::mysql().client()))
        .args([
            "--no-defaults",
            "--host=127.0.0.1",
            "--protocol=tcp",
            "--user=root",
            "-Ne",
            "SELECT 1",
            &name,
        ])
        .arg(format!("--port={port}"))
        .output()
        .expect("it was found");
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "1\n", "{answer:?}");
}

#[test]
fn a_killed_postgres_comes_back_with_its_data() {
    comes_back_with_its_data(Product::Postgres, "postgres");
}

#[test]
fn a_killed_mysql_comes_back_with_its_data() {
    comes_back_with_its_data(Product::mysql(), "mysql");
}

fn comes_back_with_its_data(product: Product, database: &str) {
    let server = Server::start(product);
    let port = server.port();
    server.execute(database, "CREATE TABLE kept (id INT); INSERT INTO kept VALUES (7)");
    server.kill();
    assert!(server.try_execute(database, "SELECT 1").is_err(), "{product:?} is dead");
    server.restart();
    assert_eq!(server.execute(database, "SELECT id FROM kept"), "7\n", "{product:?}");
    assert_eq!(server.port(), port, "{product:?}");
}

#[test]
fn a_server_ends_with_a_killed_test_process() {
    if env::var_os(VICTIM).is_some() {
        return hold_a_server_until_killed();
    }
    let mut victim = Command::new(env::current_exe().expect("a test knows its own path"))
        .args(["--exact", "a_server_ends_with_a_killed_test_process", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a test runs again");
    let directory = directory_held_by(&mut victim);
    assert!(directory.is_dir(), "{directory:?}");

    victim.kill().expect("it runs");
    victim.wait().expect("it was killed");

    let gone = wait::until(Duration::from_secs(20), || (!directory.exists()).then_some(()));
    assert!(gone.is_some(), "{directory:?} is still there");
}

#[expect(clippy::print_stdout, reason = "the first process reads it")]
fn hold_a_server_until_killed() {
    let server = Server::start(Product::Postgres);
    println!("\nholds {}", server.execute("postgres", "SHOW unix_socket_directories"));
    sleep(Duration::from_mins(1));
}

fn directory_held_by(victim: &mut Child) -> PathBuf {
    let output = BufReader::new(victim.stdout.take().expect("stdout is piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let directory = lines.find_map(|line| line.strip_prefix("holds ").map(PathBuf::from));
    directory.expect("it says what it holds")
}

#[test]
fn the_provider_issues_rotates_and_introspects() {
    let provider = oidc();
    let (id, secret) = (&provider.post.id, &provider.post.secret);
    let client = format!("client_id={id}&client_secret={secret}");
    let before = provider.requests(Endpoint::Introspection);

    let (status, issued) =
        post_form(&provider.token_url, &format!("grant_type=client_credentials&{client}"));
    assert_eq!(status, 200, "{issued}");
    let token = string_field(&issued, "access_token");
    let (status, answer) =
        post_form(&provider.introspection_url, &format!("token={token}&{client}"));
    assert!(status == 200 && answer.contains(r#""active":true"#), "{answer}");

    assert_eq!(provider.requests(Endpoint::Introspection), before + 1);
    assert_ne!(provider.refresh_token(), provider.refresh_token());
}

// Tells the second process of a test that it is the one to be killed.
const VICTIM: &str = "TOKENKEEPER_TEST_VICTIM";
