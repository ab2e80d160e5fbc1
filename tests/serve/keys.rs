//! Who may ask: made and removed keys, wrong ones, names that a key may not see, and guessing.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    process::Command,
    thread,
};

use super::{
    http::{Answer, exchange, request},
    stage::{Stage, bearer, path},
};
use crate::harness::wait;

#[test]
fn nothing_but_the_probes_is_answered_without_the_one_right_key() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let right = bearer(&key);
    let wrong = [
        vec![],
        vec![("Authorization", "")],
        vec![("Authorization", "Bearer")],
        vec![("Authorization", &key)],
        vec![("Authorization", &*right), ("Authorization", &*right)],
        vec![("Authorization", &*right), ("Authorization", "Bearer wrong")],
        vec![("Proxy-Authorization", &*right)],
        // The last: so many in a row look like guesses.
        vec![("Authorization", "Bearer wrong")],
    ];
    let mut refusals = Vec::new();
    for headers in wrong {
        for path in
            ["/v1/tokens/edfi", "/v1/tokens/nobody", "/metrics", "/openapi.json", "/", "/nowhere"]
        {
            let answer = server.ask(&request("GET", path, &headers, ""));
            if answer.status != 429 || headers != [("Authorization", "Bearer wrong")] {
                answer.is_problem(401, "unauthorized");
                refusals.push(answer.body);
            }
        }
    }
    assert!(refusals.iter().all(|body| *body == refusals[0]), "no hint: {refusals:?}");
    for probe in ["/healthz", "/readyz"] {
        let answer = server.ask(&request("GET", probe, &[], ""));
        assert_eq!((answer.status, &*answer.body), (200, r#"{"status":"ok"}"#));
    }
    assert_eq!(server.ask(&request("GET", "/status.js", &[], "")).status, 200);
    assert!(
        server
            .ask(&request("GET", "/v1/tokens/edfi", &[], ""))
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.starts_with("Bearer"))
    );
}

#[test]
fn a_forbidden_name_looks_as_an_unknown_one() {
    let stage = Stage::with_token();
    stage.keep("crm", super::stage::HOUR);
    let (all, crm) =
        (stage.new_key("a", &["--token", "*"]), stage.new_key("c", &["--token", "crm"]));
    let server = stage.serve(&[]);
    assert_eq!(server.get("/v1/tokens/edfi", &all).status, 200);
    assert_eq!(server.get("/v1/tokens/crm", &crm).status, 200);
    let normal = |answer: Answer, name: &str| {
        let head: Vec<_> = answer.head.lines().filter(|line| !line.starts_with("date")).collect();
        (answer.status, head.join("\n"), answer.body.replace(name, "NAME"))
    };
    let unknown = normal(server.get("/v1/tokens/nobd", &crm), "nobd");
    assert_eq!(unknown.0, 404);
    assert_eq!(normal(server.get("/v1/tokens/edfi", &crm), "edfi"), unknown);
    assert_eq!(normal(server.get("/v1/tokens/nobd", &all), "nobd"), unknown);
    let report = |name: &str| {
        let path = format!("/v1/tokens/{name}/rejected");
        normal(server.post(&path, &crm, "application/json", r#"{"generation":1}"#), name)
    };
    assert_eq!(report("edfi"), report("nobd"));
    assert_eq!(report("edfi"), unknown);
    let metrics = server.get("/metrics", &crm).body;
    assert!(metrics.contains("name=\"crm\"") && !metrics.contains("edfi"), "{metrics}");
}

#[test]
fn a_key_that_may_only_read_reports_nothing() {
    let stage = Stage::with_token();
    let reader = stage.new_key("reader", &["--token", "edfi", "--read-only"]);
    let server = stage.serve(&[]);
    let body = r#"{"generation":1}"#;
    let report = |name| {
        server.post(&format!("/v1/tokens/{name}/rejected"), &reader, "application/json", body)
    };
    report("edfi").is_problem(403, "forbidden");
    report("nobody").is_problem(404, "no_such_name");
}

#[test]
fn guessing_is_slowed_down_and_keeps_nobody_out() {
    let stage = Stage::with_token();
    let (key, other) =
        (stage.new_key("one", &["--token", "*"]), stage.new_key("two", &["--token", "*"]));
    let server = stage.serve(&[]);
    assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200);
    let began = wait::stopwatch();
    let guesses = |first: usize| {
        let one = |guess| {
            let headers = format!("Host: localhost\r\nAuthorization: Bearer guess-{guess}\r\n");
            format!("GET /v1/tokens/edfi HTTP/1.1\r\n{headers}\r\n")
        };
        let many: String = (first..first + 250).map(one).collect();
        exchange(server.port, format!("{many}{}", request("GET", "/healthz", &[], "")).as_bytes())
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let guesses = &guesses;
        let threads: Vec<_> = (0..40).map(|n| scope.spawn(move || guesses(n * 250))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(401) + count(429), 10_000, "all were answered");
    // The first are free; then each pause is twice the one before.
    let judged = usize::try_from(began.elapsed().as_secs()).unwrap() + 20;
    assert!(count(401) <= judged, "{} of 10,000 guesses were looked at", count(401));
    let paused = answers.iter().find(|answer| answer.status == 429).unwrap();
    paused.is_problem(429, "too_many_failures");
    assert!(paused.header("retry-after").is_some());
    assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200, "who was known still is");
    assert_eq!(
        server.get("/v1/tokens/edfi", &other).status,
        429,
        "even a right key is not looked at"
    );
}

#[test]
fn keys_come_into_force_and_go_while_the_server_runs() {
    let stage = Stage::with_token();
    let server = stage.serve(&[]);
    let first = stage.new_key("first", &["--token", "*"]);
    server.until("/v1/tokens/edfi", &first, 200);
    let second = stage.new_key("second", &["--token", "*"]);
    server.until("/v1/tokens/edfi", &second, 200);
    assert_eq!(stage.consumer(&["key", "remove", "first"]).run().code, Some(0));
    server.until("/v1/tokens/edfi", &first, 401);
    // A file that cannot be used changes nothing, and is told.
    fs::set_permissions(stage.keys_file(), fs::Permissions::from_mode(0o644)).unwrap();
    let third = stage.consumer(&["key", "new", "third", "--token", "*"]).run();
    assert_eq!(third.code, Some(2), "{third:?}");
    wait::until(std::time::Duration::from_secs(3), || None::<()>);
    assert_eq!(server.get("/v1/tokens/edfi", &second).status, 200);
    fs::remove_file(stage.keys_file()).unwrap();
    server.until("/v1/tokens/edfi", &second, 401);
    let told = server.stop();
    assert!(told.stderr.contains("chmod 600"), "{told:?}");
    assert!(told.stderr.contains("there is no key in"), "{told:?}");
}

#[test]
fn a_key_that_is_made_while_the_server_starts_comes_into_force() {
    let stage = Stage::with_token();
    let first = stage.new_key("first", &["--token", "*"]);
    let before = fs::read(stage.keys_file()).unwrap();
    let second = stage.new_key("second", &["--token", "*"]);
    let after = stage.path("after");
    fs::rename(stage.keys_file(), &after).unwrap();
    // Who reads a pipe waits for its writer, who only comes when it is read.
    let made = Command::new("mkfifo").arg("-m600").arg(stage.keys_file()).status();
    assert!(made.unwrap().success());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut read = OpenOptions::new().write(true).open(stage.keys_file()).unwrap();
            fs::rename(&after, stage.keys_file()).unwrap();
            read.write_all(&before).unwrap();
        });
        let server = stage.serve(&[]);
        assert_eq!(server.get("/v1/tokens/edfi", &first).status, 200);
        server.until("/v1/tokens/edfi", &second, 200);
    });
}

#[test]
fn a_key_is_printed_once_and_only_its_hash_is_kept() {
    let stage = Stage::with_token();
    let key = stage.new_key("ci", &["--token", "edfi", "--token", "crm"]);
    let kept = fs::read_to_string(stage.keys_file()).unwrap();
    let secret = key.strip_prefix("tokenkeeper-service-key.").unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    assert!(!kept.contains(secret), "{kept}");
    let listed = stage.consumer(&["key", "list"]).run();
    assert!(listed.stdout.contains("ci") && listed.stdout.contains("crm edfi"), "{listed:?}");
    assert!(!listed.stdout.contains(secret));
    let json = stage.consumer(&["key", "list", "--json"]).run();
    let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(object["tokens"], serde_json::json!(["crm", "edfi"]));
    for (code, arguments) in [
        (2, &["key", "new", "ci", "--token", "*"][..]),
        (2, &["key", "new", "other"]),
        (2, &["key", "new", "o ther", "--token", "*"]),
        (2, &["key", "new", "other", "--token", "a/b"]),
        (6, &["key", "remove", "nobody"]),
    ] {
        let ended = stage.consumer(arguments).run();
        assert_eq!(ended.code, Some(code), "{arguments:?} {ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_server_does_not_begin_with_keys_that_others_can_read() {
    let stage = Stage::with_token();
    stage.new_key("ci", &["--token", "*"]);
    fs::set_permissions(stage.keys_file(), fs::Permissions::from_mode(0o604)).unwrap();
    let ended = stage.consumer(&["serve", "--listen", "127.0.0.1:0"]).run();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(path(&stage.keys_file())), "{ended:?}");
    assert!(ended.stderr.contains("chmod 600"), "{ended:?}");
}

#[test]
fn a_connection_that_brings_another_key_is_judged_anew() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let with = |key: &str, close: &str| {
        format!(
            "GET /v1/tokens/edfi HTTP/1.1\r\nHost: localhost\r\n{close}Authorization: Bearer {key}\r\n\r\n"
        )
    };
    let both = with(&key, "") + &with("wrong", "Connection: close\r\n");
    let answers = exchange(server.port, both.as_bytes());
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 401]);
}
