//! What breaks around the server: its database dies and comes back, it is asked to stop under load.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;

use super::{
    http::{exchange, request},
    stage::{HOUR, Stage, bearer},
};
use crate::harness::{databases::Kind, product::Product, servers, wait};

#[test]
fn tokens_are_handed_out_while_the_database_is_away() {
    // Beside each other: they are waited for, most of the time.
    thread::scope(|scope| {
        for product in [Product::Postgres, Product::mysql()] {
            scope.spawn(move || hand_out_while_away(product));
        }
    });
}

fn hand_out_while_away(product: Product) {
    let database = servers::Server::start(product);
    let stage = Stage::at(&database.fresh_database());
    stage.keep("edfi", HOUR);
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200, "{product:?}");
    database.kill();
    let probe = |path| server.ask(&request("GET", path, &[], ""));
    let degraded = wait::until(LIMIT, || {
        Some(probe("/readyz")).filter(|answer| answer.body.contains("degraded"))
    });
    assert_eq!(degraded.expect("it is degraded").status, 200, "{product:?}");
    assert_eq!(probe("/healthz").body, r#"{"status":"ok"}"#);
    let warned = wait::until(LIMIT, || {
        let answer = server.get("/v1/tokens/edfi", &key);
        assert_eq!((answer.status, &answer.json()["access_token"]), (200, &json!("access-edfi-1")));
        (answer.json()["warning"] == "out_of_reach").then_some(())
    });
    warned.expect("who asks is told");
    let unknown = server.get("/v1/tokens/other?wait=0", &key);
    unknown.is_problem(503, "temporary");
    assert!(unknown.header("retry-after").is_some());
    assert!(server.get("/metrics", &key).body.contains("\ntokenkeeper_database_up 0\n"));
    database.restart();
    let ready =
        wait::until(LIMIT, || Some(probe("/readyz")).filter(|answer| answer.body.contains("ok")));
    ready.expect("it is ready again");
    let back = wait::until(LIMIT, || {
        let answer = server.get("/v1/tokens/edfi", &key).json();
        answer.get("warning").is_none().then_some(())
    });
    back.expect("nothing is to be warned of");
    server.get("/v1/tokens/other?wait=0", &key).is_problem(404, "no_such_name");
    let told = server.stop();
    for canary in [&*key, "access-edfi", "refresh-canary"] {
        assert!(!told.stderr.contains(canary) && !told.stdout.contains(canary), "{told:?}");
    }
}

#[test]
fn a_server_begins_without_its_database_and_says_so() {
    let port = crate::harness::keeper::free_port();
    let mut stage = Stage::on(Kind::Sqlite);
    let key = stage.new_key("all", &["--token", "*"]);
    let url = format!("postgres://postgres:canary-password@127.0.0.1:{port}/db");
    stage.url = url;
    let server = stage.serve(&[]);
    let ready = server.ask(&request("GET", "/readyz", &[], ""));
    assert_eq!((ready.status, &*ready.body), (503, r#"{"status":"unavailable"}"#));
    assert_eq!(server.ask(&request("GET", "/healthz", &[], "")).status, 200);
    let answer = server.get("/v1/tokens/edfi?wait=0", &key);
    answer.is_problem(503, "temporary");
    let metrics = server.get("/metrics", &key);
    assert!(metrics.body.contains("tokenkeeper_database_up 0"), "{metrics:?}");
    let told = server.stop();
    let said = format!("{told:?} {answer:?} {metrics:?}");
    assert!(!said.contains("canary-password"), "{said}");
}

#[test]
fn who_has_asked_is_answered_when_the_server_is_asked_to_stop() {
    let stage = Stage::with_token();
    stage.keep("claimed", HOUR);
    stage.claim("claimed");
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let port = server.port;
    let (stopping, answered, torn) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let authorization = bearer(&key);
    let text = |path: &str| request("GET", path, &[("Authorization", &authorization)], "");
    let told = thread::scope(|scope| {
        let waiting = scope.spawn(|| exchange(port, text("/v1/tokens/claimed?wait=4s").as_bytes()));
        for _ in 0..8 {
            scope.spawn(|| {
                while !stopping.load(Ordering::Relaxed) {
                    match try_exchange(port, text("/v1/tokens/edfi").as_bytes()) {
                        Tried::Answered => answered.fetch_add(1, Ordering::Relaxed),
                        Tried::Torn => torn.fetch_add(1, Ordering::Relaxed),
                        Tried::Refused => break,
                    };
                }
            });
        }
        wait::until(LIMIT, || (answered.load(Ordering::Relaxed) > 200).then_some(())).unwrap();
        let told = server.stop();
        stopping.store(true, Ordering::Relaxed);
        let answers = waiting.join().unwrap();
        assert_eq!(answers[0].status, 200, "{answers:?}");
        assert_eq!(answers[0].header("connection"), Some("close"));
        told
    });
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.took < Duration::from_secs(40));
    assert_eq!(torn.load(Ordering::Relaxed), 0, "requests were cut off");
}

enum Tried {
    Answered,
    /// The connection was taken, and then nothing came.
    Torn,
    /// Nobody listens any more, or the connection was never taken.
    Refused,
}

fn try_exchange(port: u16, bytes: &[u8]) -> Tried {
    use std::io::{Read, Write};
    let Ok(mut connection) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
        return Tried::Refused;
    };
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    if connection.write_all(bytes).is_err() {
        return Tried::Refused;
    }
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Ok(_) if answer.starts_with(b"HTTP/1.1 200") => Tried::Answered,
        // The system had the connection in its queue, the server never saw it.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset && answer.is_empty() => {
            Tried::Refused
        }
        _ => Tried::Torn,
    }
}

const LIMIT: Duration = Duration::from_secs(30);
