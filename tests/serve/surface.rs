//! What the paths answer when nobody means harm, and that the description tells the same.

use std::{collections::BTreeSet, thread, time::Duration};

use serde_json::{Value, json};

use super::{
    http::{Answer, request},
    stage::{HOUR, Stage, bearer},
};
use crate::harness::databases::{Kind, each};

#[test]
fn a_token_is_handed_out_with_all_that_is_known_of_it() {
    for kind in each() {
        let stage = Stage::on(kind);
        stage.keep("edfi", HOUR);
        let key = stage.new_key("all", &["--token", "*"]);
        let server = stage.serve(&[]);
        let answer = server.get("/v1/tokens/edfi", &key);
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let token = answer.json();
        assert_eq!(token["access_token"], "access-edfi-1");
        assert_eq!((&token["name"], &token["token_type"]), (&json!("edfi"), &json!("Bearer")));
        assert_eq!((&token["scope"], &token["state"]), (&json!("read"), &json!("ok")));
        assert_eq!(token["generation"], 1);
        assert!((3590..=3600).contains(&token["expires_in"].as_u64().unwrap()), "{token}");
        assert!(token.get("warning").is_none());
        let by_command = stage.consumer(&["get", "edfi", "--json"]).run();
        let by_command: Value = serde_json::from_str(&by_command.stdout).unwrap();
        for (field, value) in token.as_object().unwrap() {
            assert!(field == "expires_in" || by_command[field] == *value, "{field}: {by_command}");
        }
        stage.keep("edfi", HOUR);
        let newer = server.until_generation("/v1/tokens/edfi", &key, 2);
        assert_eq!(newer.header("etag"), Some("\"2\""), "{kind}");
    }
}

impl super::stage::Server {
    /// What is remembered may be some seconds old.
    fn until_generation(&self, path: &str, key: &str, generation: i64) -> Answer {
        let answer = crate::harness::wait::until(Duration::from_secs(20), || {
            Some(self.get(path, key)).filter(|answer| answer.json()["generation"] == generation)
        });
        answer.expect("the new generation is handed out")
    }
}

#[test]
fn head_is_get_without_the_body_and_no_condition_is_heard() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let authorization = bearer(&key);
    let headers = [("Authorization", &*authorization), ("If-None-Match", "\"1\", *")];
    let head = server.ask(&request("HEAD", "/v1/tokens/edfi", &headers, ""));
    assert_eq!((head.status, &*head.body), (200, ""));
    assert_eq!(head.header("etag"), Some("\"1\""));
    // A row that was made anew counts from 1 again: "not modified" could keep a dead token alive.
    assert_eq!(server.ask(&request("GET", "/v1/tokens/edfi", &headers, "")).status, 200);
}

#[test]
fn each_want_of_a_token_has_its_own_answer() {
    let stage = Stage::on(Kind::Sqlite);
    for (name, sql) in [
        ("waits", "state = 'needs_login', access_token_expires = 1"),
        ("off", "state = 'disabled', access_token_expires = 1"),
        ("expired", "access_token_expires = 1, next_attempt_at = 9999999999999"),
        ("alive", "state = 'needs_login'"),
    ] {
        stage.keep(name, HOUR);
        stage.sql(&format!("UPDATE tokens SET {sql} WHERE name = '{name}'"));
    }
    stage.enrol("new");
    stage.enrol("claimed");
    stage.claim("claimed");
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let get = |name: &str| server.get(&format!("/v1/tokens/{name}?wait=0"), &key);
    get("nobody").is_problem(404, "no_such_name");
    get("waits").is_problem(409, "needs_login");
    get("off").is_problem(409, "disabled");
    get("expired").is_problem(503, "no_valid_token");
    assert_eq!(get("expired").header("retry-after"), Some("60"));
    get("new").is_problem(503, "no_valid_token");
    get("claimed").is_problem(503, "temporary");
    assert_eq!(get("claimed").header("retry-after"), Some("2"));
    let alive = get("alive");
    assert_eq!((alive.status, &alive.json()["warning"]), (200, &json!("needs_login")));
    let asked_much = server.get("/v1/tokens/alive?min_ttl=10m&wait=0", &key);
    assert_eq!(asked_much.status, 200);
    for bad in ["?wait=soon", "?wait=1&wait=2", "?min_ttl=-1", "?minttl=1"] {
        server.get(&format!("/v1/tokens/edfi{bad}"), &key).is_problem(400, "bad_request");
    }
}

#[test]
fn a_request_waits_for_a_worker_no_longer_than_it_says() {
    let stage = Stage::with_token();
    stage.claim("edfi");
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/v1/tokens/edfi?wait=20s", &key));
        let short = server.get("/v1/tokens/edfi?wait=200ms", &key);
        assert_eq!(short.json()["warning"], "updating");
        stage.sql("UPDATE tokens SET updating = 0, attempt_id = NULL, lease_until = NULL");
        assert_eq!(waiting.join().unwrap().json()["warning"], Value::Null);
    });
}

#[test]
fn a_refused_token_is_renewed_once() {
    for kind in each() {
        let stage = Stage::on(kind);
        stage.keep("edfi", HOUR);
        let key = stage.new_key("all", &["--token", "*"]);
        let server = stage.serve(&[]);
        let report = |body| server.post("/v1/tokens/edfi/rejected", &key, "application/json", body);
        let first = report(r#"{"generation":1}"#);
        assert_eq!((first.status, &first.json()["result"]), (202, &json!("noted")), "{kind}");
        assert!(first.json()["due"].is_string());
        let again = report(r#"{"generation":1}"#);
        assert_eq!((again.status, &again.json()["result"]), (200, &json!("known")), "{kind}");
        stage.keep("edfi", HOUR);
        let late = report(r#"{"generation":1}"#);
        assert_eq!(late.json(), json!({ "result": "superseded", "generation": 2 }), "{kind}");
        for bad in ["", "{}", "[]", "1", r#"{"generation":"1"}"#, r#"{"generation":1,"x":1}"#] {
            report(bad).is_problem(400, "bad_request");
        }
        let form = server.post("/v1/tokens/edfi/rejected", &key, "text/plain", "{}");
        form.is_problem(415, "unsupported_media_type");
        stage.claim("edfi");
        assert_eq!(report(r#"{"generation":2}"#).json()["result"], "updating", "{kind}");
    }
}

#[test]
fn metrics_are_read_from_the_database() {
    let stage = Stage::with_token();
    stage.enrol("new");
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    server.get("/v1/tokens/edfi", &key);
    // What was tried before the server was asked first is not its to count.
    stage.tried_before("edfi", "ok", HOUR);
    let before = server.get("/metrics", &key).body;
    assert!(before.contains("\ntokenkeeper_refresh_duration_seconds_count 0\n"), "{before}");
    stage.tried("edfi", "ok");
    stage.tried("edfi", "throttled");
    let answer = server.get("/metrics", &key);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "tokenkeeper_token_state{name=\"edfi\",state=\"ok\"} 1",
        "tokenkeeper_token_state{name=\"new\",state=\"new\"} 1",
        "tokenkeeper_token_generation{name=\"edfi\"} 1",
        "tokenkeeper_token_consecutive_failures{name=\"edfi\"} 0",
        "tokenkeeper_database_up 1",
        "tokenkeeper_refresh_attempts_total{name=\"edfi\",outcome=\"ok\"} 1",
        "tokenkeeper_refresh_attempts_total{name=\"edfi\",outcome=\"throttled\"} 1",
        "tokenkeeper_refresh_duration_seconds_sum 3",
        "tokenkeeper_refresh_duration_seconds_count 2",
        "tokenkeeper_get_requests_total{outcome=\"ok\"} 1",
    ] {
        assert!(answer.body.lines().any(|told| told == line), "{line}: {}", answer.body);
    }
    let family = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let times: Vec<_> =
        answer.body.lines().filter(|line| line.contains("_timestamp_seconds{")).collect();
    assert_eq!(times.iter().filter(|line| line.contains("\"edfi\"")).count(), 3, "{times:?}");
    // All samples of a metric stand together, below its type.
    let mut families: Vec<_> =
        answer.body.lines().filter(|line| !line.starts_with('#')).map(family).collect();
    families.dedup();
    let distinct: BTreeSet<_> = families.iter().collect();
    assert_eq!(distinct.len(), families.len(), "{families:?}");
    assert!(!answer.body.contains("access-edfi"));
}

#[test]
fn the_commands_of_the_readme_work() {
    let stage = Stage::with_token();
    let readme = include_str!("../../README.md");
    let sample = readme.split("```sh\n").find(|text| text.contains("consumer serve")).unwrap();
    let (before, after) = sample.split_once("tokenkeeper-consumer serve").unwrap();
    let after = after.split("```").next().unwrap().split_once('\n').unwrap().1;
    let shell = |lines: &str, key: &str| {
        let line = format!("set -e\nPATH=${{PROGRAM%/*}}:$PATH\n{lines}");
        let done = stage.consumer_by("sh", &["-c", &line]).env("KEY", key).run();
        assert_eq!(done.code, Some(0), "{done:?}");
        done
    };
    let key = shell(&format!("{before}\nprintf %s \"$KEY\""), "").stdout;
    let server = stage.serve(&[]);
    let asks = after.replace("8065", &server.port.to_string()).replace("curl", "curl -sS --fail");
    let done = shell(&asks, &key);
    assert_eq!(done.stdout.matches("access-edfi-1").count(), 2, "{done:?}");
}

#[test]
fn the_description_tells_every_path_method_and_field() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let document = server.get("/openapi.json", &key).json();
    let paths = document["paths"].as_object().unwrap();
    let source = include_str!("../../consumer/src/serve/routes.rs");
    let routed = source.matches(".route(").count();
    assert_eq!(paths.len(), routed, "a path is not described, or not there");
    for (path, item) in paths {
        let real = path.replace("{name}", "edfi");
        for method in ["get", "head", "post", "put", "patch", "delete", "options"] {
            let headers = [("Authorization", &*bearer(&key))];
            let answer = server.ask(&request(&method.to_uppercase(), &real, &headers, ""));
            let is_described =
                item.get(method).is_some() || (method == "head" && item.get("get").is_some());
            assert_eq!(answer.status == 405, !is_described, "{method} {path}: {answer:?}");
            assert_ne!(answer.status, 404, "{method} {path}");
            if answer.status == 405 {
                assert!(answer.header("allow").is_some(), "{answer:?}");
            } else if method == "get" && path != "/readyz" {
                let described = &item["get"]["responses"][answer.status.to_string()];
                assert!(described.is_object(), "{path}: {}", answer.status);
            }
        }
    }
    let fields = |schema: &str| -> BTreeSet<String> {
        let properties = &document["components"]["schemas"][schema]["properties"];
        properties.as_object().unwrap().keys().cloned().collect()
    };
    stage.sql("UPDATE tokens SET failures = 1");
    stage.keep("other", HOUR);
    stage.sql("UPDATE tokens SET failures = 1");
    let told = |answer: Answer| answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields("Token"), told(server.get("/v1/tokens/other", &key)));
    assert_eq!(fields("Problem"), told(server.get("/v1/tokens/nobody", &key)));
}
