//! `history` and `doctor`: what an operator asks at three in the morning.

use std::fs;

use serde_json::Value;
use tokenkeeper_worker::sandbox::{Credentials, Settings};

use super::{
    host::{json, on_each, parsed, path, set_mode, tells},
    sql,
    stage::{Stage, status},
};
use crate::harness::databases::Kind;

#[test]
fn history_tells_each_attempt_newest_first() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        for fault in [Some(status(502)), None] {
            stage.sandbox.every_answer(fault);
            sql::make_due(&stage.database);
            stage.host.worker(&["run"]).run();
        }
        let told = stage.host.work(0, &["history", "quartile", "--json"]).stdout;
        let events: Vec<Value> = told.lines().map(parsed).collect();
        let words = |key: &str| -> Vec<Value> { events.iter().map(|e| e[key].clone()).collect() };
        assert_eq!(words("action"), ["refresh", "refresh", "login"]);
        assert_eq!(words("outcome"), ["ok", "uncertain", "ok"]);
        assert_eq!(words("generation"), [2, 1, 1]);
        assert!(events[1]["message"].as_str().unwrap().contains("502"));
        let table = stage.host.work(0, &["history", "quartile", "--limit", "1"]);
        tells(&table, &["WHEN", "refresh"]);
        assert_eq!(table.stdout.lines().count(), 2);
        stage.host.work(6, &["history", "nobody"]);
    });
}

#[test]
fn history_forgets_what_is_older_than_a_month() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        sql::run(&stage.database, "UPDATE token_events SET at = 1");
        sql::make_due(&stage.database);
        stage.host.work(0, &["run"]);
        let told = stage.host.work(0, &["history", "quartile", "--json"]).stdout;
        assert_eq!(told.lines().count(), 1, "{told}");
    });
}

#[test]
fn a_run_whose_end_cannot_be_noted_keeps_its_tokens_and_says_so() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.host.work(0, &["migrate"]);
        sql::run(&stage.database, "DROP TABLE last_run");
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 logged in\n");
        tells(&run, &["missing in the metrics", "doctor"]);
        stage.host.get("quartile");
    });
}

#[test]
fn doctor_finds_nothing_wrong_with_a_token_that_is_kept() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let told = stage.host.work(0, &["doctor"]);
        let lines: Vec<&str> = told.stdout.lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("ok ")), "{told:#?}");
        let words = [
            "configuration",
            "key",
            "journal",
            "schema",
            "rights",
            "clock",
            "quartile",
            "provider",
        ];
        tells(&told, &words);
        assert_eq!(stage.sandbox.counts().exchanges, 1, "no credential is sent");
    });
}

#[test]
fn doctor_names_what_is_wrong_and_what_mends_it() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    tells(&stage.host.work(9, &["doctor"]), &["FAIL", "tokenkeeper-worker migrate"]);
    let wrong = Credentials { password: "another".to_owned(), ..Credentials::default() };
    stage.sandbox.set_credentials(wrong);
    stage.host.work(4, &["run"]);
    tells(&stage.host.work(4, &["doctor"]), &["FAIL", "waits for a human", "--force"]);
    stage.sandbox.set_credentials(Credentials::default());
    stage.host.work(0, &["refresh", "quartile", "--force"]);
    let told = stage.host.work(0, &["doctor", "--interval", "12h"]);
    tells(&told, &["warn", "fewer than three tries", "run the worker every 20m"]);
    let file = stage.database.url.strip_prefix("sqlite://").unwrap();
    set_mode(file.as_ref(), 0o644);
    tells(&stage.host.work(0, &["doctor"]), &["warn", "chmod 600"]);
    let Stage { host, sandbox, .. } = stage;
    super::host::runtime().block_on(sandbox.stop());
    let told = host.work(7, &["doctor", "--json"]);
    let checks = json(&told.stdout)["checks"].clone();
    let failed: Vec<&Value> =
        checks.as_array().unwrap().iter().filter(|check| check["level"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{checks}");
    assert!(failed[0]["message"].as_str().unwrap().contains("cannot be reached"));
    let host = host.with("SANDBOX_PASSWORD", "");
    tells(&host.work(2, &["doctor"]), &["FAIL", "secrets of quartile", "SANDBOX_PASSWORD"]);
}

#[test]
fn doctor_makes_no_journal_and_says_whether_the_next_run_can() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let above = stage.host.home().join("journals");
    fs::create_dir(&above).unwrap();
    let Stage { host, .. } = stage;
    let host = host.with("TOKENKEEPER_JOURNAL", path(&above.join("of/mine")));
    tells(&host.work(0, &["doctor"]), &["the next run makes this folder"]);
    assert!(fs::read_dir(&above).unwrap().next().is_none(), "made");
    let file = host.write("no-folder", "a file");
    let host = host.with("TOKENKEEPER_JOURNAL", path(&file.join("below")));
    tells(&host.work(2, &["doctor"]), &["FAIL", "make it a folder"]);
}

#[test]
fn doctor_names_the_right_that_is_missing() {
    let stage = Stage::logged_in(Kind::Postgres, Settings::default());
    for sql in ["CREATE ROLE reader LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"]
    {
        sql::run(&stage.database, sql);
    }
    let url = stage.database.url.replacen("postgres@", "reader@", 1);
    let host = stage.host.with("DATABASE_URL", &url);
    tells(&host.work(2, &["doctor"]), &RIGHTS_OF_A_WORKER);
    sql::run(&stage.database, "DROP OWNED BY reader; DROP ROLE reader");
}

const RIGHTS_OF_A_WORKER: [&str; 4] = [
    "UPDATE on tokens is missing",
    "INSERT on token_events",
    "UPDATE on last_run",
    "INSERT on last_run",
];
