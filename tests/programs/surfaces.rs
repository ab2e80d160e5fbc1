//! What is printed where: formats, JSON on every verb, errors as objects, nothing but plain text
//! for a pipe. Which exit code belongs to which situation is in `exits`.

use serde_json::Value;
use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, ends, json, only_line, parsed, path},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, programs::Finished};

#[test]
fn get_prints_a_token_in_three_formats() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let token = stage.host.get("quartile");
    let format = |format| {
        let got = stage.host.consume(0, &["get", "quartile", "--format", format]);
        only_line(&got.stdout)
    };
    assert_eq!(format("raw"), token);
    assert_eq!(format("header"), format!("Authorization: Bearer {token}"));
    let object: Value = serde_json::from_str(&format("json")).unwrap();
    assert_eq!(object["access_token"], *token);
    assert_eq!(object["name"], "quartile");
    assert_eq!(object["token_type"], "Bearer");
    assert_eq!(object["generation"], 1);
    assert_eq!(object["state"], "ok");
    assert_eq!(object["warning"], Value::Null);
    let left = object["expires_in"].as_u64().unwrap();
    assert!((43_000..=43_200).contains(&left), "{left}");
    let expires_at = object["expires_at"].as_str().unwrap();
    assert!(expires_at.ends_with('Z') && expires_at.len() == 20, "{expires_at}");
    let by_flag = stage.host.consume(0, &["get", "quartile", "--json"]);
    assert_eq!(json(&by_flag.stdout)["access_token"], *token);
}

#[test]
fn lists_are_lines_for_people_and_objects_for_programs() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["a", "b"]);
    stage.host.work(0, &["run"]);
    let list = stage.host.consume(0, &["list"]);
    assert_eq!(list.stdout.lines().count(), 2, "{list:?}");
    assert!(list.stdout.contains("valid until") && list.stdout.contains("for 11h 59m"), "{list:?}");
    let status = stage.host.work(0, &["status"]);
    assert_eq!(status.stdout.lines().count(), 3, "a heading and two rows");
    for finished in
        [stage.host.consume(0, &["list", "--json"]), stage.host.work(0, &["status", "--json"])]
    {
        let rows: Vec<Value> = finished.stdout.lines().map(parsed).collect();
        let names: Vec<_> = rows.iter().map(|row| row["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(rows.iter().all(|row| row["valid"] == true), "{rows:?}");
        assert!(rows.iter().all(|row| row["generation"] == 1), "{rows:?}");
    }
}

#[test]
fn a_list_tells_states_in_words() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let tells_of = |change: &str, words: &str| {
        sql::run(&stage.database, &format!("UPDATE tokens SET {change}"));
        let list = stage.host.consume(0, &["list"]);
        assert!(
            only_line(&list.stdout).starts_with(&format!("quartile             {words} ")),
            "{list:?}"
        );
    };
    tells_of("failures = 0", "ok");
    tells_of("failures = 1", "last renewal failed");
    tells_of("state = 'needs_login'", "needs a login");
    tells_of("state = 'disabled'", "disabled");
    tells_of("updating = TRUE, lease_until = 9999999999999", "being renewed");
    let object = json(&stage.host.consume(0, &["list", "--json"]).stdout);
    assert_eq!((&object["state"], &object["updating"]), (&"disabled".into(), &true.into()));
    assert!(object["expires_in"].as_u64().is_some_and(|left| left > 43_000), "{object}");
}

#[test]
fn every_verb_of_the_worker_answers_in_json() {
    let stage = Stage::logged_in(Kind::Postgres, Settings::default());
    let file = stage.host.home().join("new.key");
    let verbs: [(&[&str], &str); 10] = [
        (&["run"], "refreshed"),
        (&["refresh", "quartile"], "refreshed"),
        (&["refresh", "quartile", "--force"], "refreshed"),
        (&["status"], "generation"),
        (&["migrate"], "to"),
        (&["adopt"], "adopted"),
        (&["init"], "database"),
        (&["key", "new"], "key"),
        (&["key", "new", "--file", path(&file)], "file"),
        (&["key", "consumer"], "key"),
    ];
    let answers = |(arguments, member): &(&[&str], &str)| {
        let finished = stage.host.work(0, &[*arguments, &["--json"]].concat());
        let object: Value = serde_json::from_str(&finished.stdout).unwrap_or_default();
        let good = !object[member].is_null();
        (!good).then(|| format!("{arguments:?} without {member}: {finished:?}"))
    };
    let bad: Vec<_> = verbs.iter().filter_map(answers).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn a_failure_of_the_worker_is_one_object_on_stderr() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let key = stage.host.config_folder().join("key");
    for (code, arguments) in [
        (2, &["run", "--config", "/nonexistent.toml"][..]),
        (2, &["key", "new", "--file", path(&key)]),
        (2, &["adopt"]),
        (6, &["run", "nobody"]),
        (6, &["refresh", "nobody"]),
        (6, &["status", "nobody"]),
        (2, &["run", "bad name"]),
        (2, &["refresh"]),
        (2, &["no-such-verb"]),
        (2, &["run", "--no-such-flag"]),
    ] {
        let arguments = [arguments, &["--json"]].concat();
        told_as_object(&stage.host.work(code, &arguments));
    }
}

#[test]
fn a_failure_of_the_consumer_is_one_object_on_stderr() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for (code, arguments) in [
        (2, &["list", "--config", "/nonexistent.toml"][..]),
        (6, &["get", "nobody"]),
        (2, &["get", "bad name"]),
        (2, &["get", "quartile", "--min-ttl", "soon"]),
        (2, &["get", "quartile", "--format", "xml"]),
        (2, &["get"]),
    ] {
        let arguments = [arguments, &["--json"]].concat();
        told_as_object(&stage.host.consume(code, &arguments));
    }
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_that_may_pass() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let full = |line: &str| stage.host.shell(&format!("{line} > /dev/full")).code();
    for line in [
        "tokenkeeper-worker status",
        "tokenkeeper-worker run --json",
        "tokenkeeper-consumer list",
        "tokenkeeper-consumer get quartile",
    ] {
        assert_eq!(full(line), Some(7), "{line}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for line in [
        "tokenkeeper-worker status",
        "tokenkeeper-consumer list",
        "tokenkeeper-consumer get quartile",
    ] {
        let line = format!(
            "{{ until [ -e gone ]; do :; done; {line}; echo $? > code; }} \
             | {{ exec <&-; : > gone; }}; rm gone; grep -x 0 code"
        );
        assert!(stage.host.shell(&line).success(), "{line}");
    }
}

#[test]
fn looking_makes_nothing() {
    let host = Host::new();
    host.consumer(&["list"]).run();
    host.worker(&["status"]).run();
    for folder in [host.state_folder(), host.config_folder()] {
        assert!(!folder.exists(), "{} was made", folder.display());
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let host = Host::new();
    let (worker, consumer) = (host.work(0, &["--help"]), host.consume(0, &["--help"]));
    for (told, codes) in [(worker, "0123456789"), (consumer, "01245679")] {
        let (_, list) = told.stdout.split_once("Exit codes:").unwrap();
        for code in codes.chars() {
            assert!(list.contains(&format!("  {code} ")), "{code}: {list}");
        }
    }
}

#[test]
fn no_escape_code_goes_into_a_pipe() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for (code, arguments) in [
        (0, &["--help"][..]),
        (0, &["--version"]),
        (0, &["refresh", "quartile", "--force", "--log", "trace"]),
        (0, &["status"]),
        (2, &["no-such-verb"]),
        (6, &["run", "nobody"]),
    ] {
        // `ends` looks for the codes.
        let worker = |name, value| stage.host.worker(arguments).env(name, value);
        ends(code, worker("TERM", "xterm-256color").run());
        ends(code, worker("NO_COLOR", "1").run());
    }
}

/// Its exit code is in the object, which is all there is.
#[track_caller]
fn told_as_object(finished: &Finished) {
    assert_eq!(finished.stdout, "", "{finished:?}");
    let object = json(&finished.stderr);
    let error = &object["error"];
    assert_eq!(error["code"], finished.code.unwrap(), "{finished:?}");
    let texts = [&error["kind"], &error["message"]];
    assert!(texts.iter().all(|text| text.is_string()), "{finished:?}");
}
