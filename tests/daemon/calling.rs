//! The daemon over HTTP: probes, metrics, and calls that have it run.

use std::{fmt::Write, path::PathBuf, thread, time::Duration};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{on, on_each, path, set_mode, tells},
    http::{Answer, exchange, request},
    keeping::is_asked,
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::{
    databases::Kind,
    programs::{Program, Running},
    servers::Server,
    wait,
};

const KEY: &str = "a-key-of-the-tests-0123456789";
const LIMIT: Duration = Duration::from_secs(40);
/// A statement that meets a dead server is tried for most of a minute.
const LONG_LIMIT: Duration = Duration::from_secs(120);

/// The port that a server has said it listens on.
#[track_caller]
pub fn port(daemon: &Running) -> u16 {
    let said = || {
        let said = daemon.said();
        let (_, rest) = said.split_once("listening on http://127.0.0.1:")?;
        rest.split_once('\n')?.0.parse().ok()
    };
    wait::until(LIMIT, said).unwrap_or_else(|| panic!("no port: {}", daemon.said()))
}

fn key_file(stage: &Stage) -> PathBuf {
    let file = stage.host.write("run-key", &format!("{KEY}\n"));
    set_mode(&file, 0o600);
    file
}

/// A daemon with a key, after its first pass.
fn called(stage: &Stage) -> (Running, u16) {
    let file = key_file(stage);
    let arguments = ["daemon", "--http", "127.0.0.1:0", "--run-key-file", path(&file)];
    let daemon = stage.host.worker(&arguments).spawn();
    let port = port(&daemon);
    becomes(port, "/readyz", 200);
    (daemon, port)
}

pub fn get(port: u16, path: &str) -> Answer {
    exchange(port, request("GET", path, &[], "").as_bytes()).remove(0)
}

#[track_caller]
fn becomes(port: u16, path: &str, status: u16) {
    let is = || (get(port, path).status == status).then_some(());
    assert!(wait::until(LONG_LIMIT, is).is_some(), "{:?}", get(port, path));
}

fn run(port: u16, key: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {key}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    exchange(port, request("POST", "/run", &headers, body).as_bytes()).remove(0)
}

/// Calls until nothing else has the turn.
#[track_caller]
fn runs(port: u16, body: &str) -> Answer {
    let answered = || Some(run(port, KEY, body)).filter(|answer| answer.status != 409);
    wait::until(LONG_LIMIT, answered).expect("the turn comes")
}

#[test]
fn a_call_runs_what_is_due_and_is_told_what_run_tells() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let (daemon, port) = called(&stage);
        sql::wait_for(&stage.database, "generation = 1 AND NOT updating");
        let answer = runs(port, "");
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        let (told, mut run) = (answer.json(), stage.host.worker(&["run", "--json"]));
        let printed: serde_json::Value = serde_json::from_str(&run.run().stdout).unwrap();
        assert_eq!(told, printed, "{kind}");
        assert_eq!(runs(port, "{\"run\":[\"quartile\"]}").json(), printed, "{kind}");
        let metrics = get(port, "/metrics");
        for line in [
            "tokenkeeper_token_generation{name=\"quartile\"} 1",
            "tokenkeeper_database_up 1",
            "# TYPE tokenkeeper_last_run_timestamp_seconds gauge",
        ] {
            assert!(metrics.body.lines().any(|told| told == line), "{kind}: {line}: {metrics:?}");
        }
        assert!(!metrics.body.contains(&stage.host.get("quartile")), "{kind}");
        daemon.signal("TERM");
        assert_eq!(daemon.wait().code, Some(0), "{kind}");
    });
}

#[test]
fn overlapping_calls_are_told_so_and_spend_nothing_twice() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let (_daemon, port) = called(&stage);
        sql::wait_for(&stage.database, "generation = 1 AND NOT updating");
        stage.sandbox.set_latency(Duration::from_secs(2));
        sql::make_due(&stage.database);
        let calls: Vec<_> = (0..6).map(|_| thread::spawn(move || run(port, KEY, ""))).collect();
        let answers: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        is_asked(&stage, 2);
        for answer in &answers {
            if answer.status != 200 {
                answer.is_problem(409, "busy");
                assert!(answer.header("retry-after").is_some(), "{kind}: {answer:?}");
            }
        }
        assert!(answers.iter().any(|answer| answer.status == 409), "{kind}: {answers:?}");
        sql::wait_for(&stage.database, "generation = 2 AND NOT updating");
        assert_eq!(runs(port, "").status, 200, "{kind}");
        let counts = stage.sandbox.counts();
        assert_eq!((counts.exchanges, counts.replays), (2, 0), "{kind}");
    });
}

#[test]
fn only_the_key_runs_anything_and_guesses_are_slowed_down() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let (daemon, port) = called(&stage);
    exchange(port, request("POST", "/run", &[], "").as_bytes())[0].is_problem(401, "unauthorized");
    let slowed = (0..10).map(|_| run(port, "a-key-that-somebody-guesses", "")).find(|answer| {
        if answer.status == 429 {
            return true;
        }
        answer.is_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"tokenkeeper\""));
        false
    });
    slowed.expect("guesses are slowed down").is_problem(429, "too_many_failures");
    assert!(!format!("{:?}", daemon.said()).contains(KEY));
}

#[test]
fn without_a_key_nobody_runs_anything_and_is_told_what_to_configure() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let daemon = stage.host.worker(&["daemon", "--http", "127.0.0.1:0"]).spawn();
    let answer = run(port(&daemon), KEY, "");
    answer.is_problem(403, "no_key_configured");
    assert!(answer.body.contains("TOKENKEEPER_RUN_KEY"), "{answer:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_send() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let (_daemon, port) = called(&stage);
    let authorization = format!("Bearer {KEY}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "text/plain")];
    let typed = exchange(port, request("POST", "/run", &headers, "{}").as_bytes()).remove(0);
    typed.is_problem(415, "unsupported_media_type");
    run(port, KEY, "{").is_problem(400, "bad_request");
    let unknown = run(port, KEY, "{\"tokens\":[\"quartile\"]}");
    unknown.is_problem(400, "bad_request");
    assert!(unknown.body.contains("unknown: tokens"), "{unknown:?}");
    run(port, KEY, &format!("{{\"run\":[{}]}}", "\"a\",".repeat(9000)))
        .is_problem(413, "too_large");
    runs(port, "{\"run\":[\"nobody\"]}").is_problem(404, "no_such_name");
    runs(port, "{\"cleanup\":[\"nothing\"]}").is_problem(404, "no_such_name");
    get(port, "/run").is_problem(405, "method_not_allowed");
    get(port, "/nowhere").is_problem(404, "no_such_path");
    let mut chunked = String::from("POST /run HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    write!(chunked, "Authorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        .unwrap();
    exchange(port, chunked.as_bytes())[0].is_problem(411, "length_required");
    assert_eq!(runs(port, "").status, 200);
}

#[test]
fn probes_and_calls_tell_of_a_database_that_is_away_and_of_its_return() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let server = Server::start(kind.product());
        let sandbox = start(Settings::default());
        let host = host_of(&sandbox, &["quartile"])
            .with("DATABASE_URL", server.fresh_database())
            .with("TOKENKEEPER_RUN_KEY", KEY);
        host.make_key();
        let daemon = host.worker(&["daemon", "--http", "127.0.0.1:0"]).spawn();
        let port = port(&daemon);
        becomes(port, "/readyz", 200);
        // The daemon's own pass is over then: one under way waits for its database for minutes.
        assert_eq!(runs(port, "").status, 200, "{kind}");
        let is_up = |up: bool| {
            let metrics = get(port, "/metrics");
            let line = format!("tokenkeeper_database_up {}", u8::from(up));
            assert!(metrics.body.contains(&line), "{kind}: {metrics:?}");
            assert_eq!(metrics.body.contains("name=\"quartile\""), up, "{kind}: {metrics:?}");
        };
        is_up(true);
        server.kill();
        becomes(port, "/readyz", 503);
        get(port, "/readyz").is_problem(503, "unavailable");
        assert_eq!(get(port, "/healthz").status, 200, "{kind}");
        is_up(false);
        let refused = runs(port, "");
        refused.is_problem(503, "temporary");
        assert!(refused.header("retry-after").is_some(), "{kind}: {refused:?}");
        server.restart();
        becomes(port, "/readyz", 200);
        is_up(true);
        assert_eq!(runs(port, "").status, 200, "{kind}");
        assert_eq!(sandbox.counts().exchanges, 1, "{kind}");
    });
}

#[test]
fn keys_and_addresses_that_do_not_do_end_it_at_the_start() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ends = |mut program: Program, words: &[&str]| {
        let finished = program.run();
        assert_eq!(finished.code, Some(2), "{finished:?}");
        tells(&finished, words);
    };
    ends(
        stage.host.worker(&["daemon", "--http", &address]),
        &["cannot listen on", "another address"],
    );
    let short = stage.host.worker(&["daemon", "--http", "127.0.0.1:0"]);
    ends(short.env("TOKENKEEPER_RUN_KEY", "short"), &["too short", "openssl rand"]);
    let open = key_file(&stage);
    set_mode(&open, 0o644);
    let open = ["daemon", "--http", "127.0.0.1:0", "--run-key-file", path(&open)];
    ends(stage.host.worker(&open), &["chmod 600"]);
    ends(stage.host.worker(&["daemon", "--http", "nowhere"]), &["--http"]);
}
