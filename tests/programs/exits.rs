//! Each documented exit code, brought about by a situation that users meet. Code 2 is in
//! `bad_input`, 8 in `crash`.

use std::time::Duration;

use serde_json::Value;
use tokenkeeper_worker::sandbox::{Credentials, Settings};

use super::{
    host::{Host, ends, json, on, on_each, tells},
    sql,
    stage::{Stage, host_of, start, status},
};
use crate::harness::{
    databases::{Database, Kind, each},
    keeper::free_port,
    product::Product,
    programs::Running,
    servers::{Server, mysql, postgres},
};

#[test]
fn one_failure_beside_a_success_ends_with_3() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["a", "b"]);
        let first = stage.host.work(0, &["run"]);
        assert_eq!(first.stdout, "2 logged in\n");
        sql::make_due(&stage.database);
        stage.sandbox.next_answer(status(500));
        let run = stage.host.work(3, &["run"]);
        assert_eq!(run.stdout, "1 refreshed, 1 failed\n");
        tells(&run, &["500", "works until", "next try from"]);
        for name in ["a", "b"] {
            stage.host.consume(0, &["get", name]);
        }
    });
}

#[test]
fn a_wrong_password_ends_with_4_and_is_not_tried_again() {
    let wrong = Credentials { password: "another".to_owned(), ..Credentials::default() };
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.sandbox.set_credentials(wrong.clone());
        let run = stage.host.work(4, &["run"]);
        let advice = "tokenkeeper-worker refresh quartile --force";
        tells(&run, &["login_refused", advice]);
        let again = stage.host.work(4, &["run"]);
        tells(&again, &[advice]);
        stage.host.work(4, &["refresh", "quartile"]);
        assert_eq!(stage.sandbox.counts().exchanges, 1, "no account is locked");
        assert_eq!(stage.host.status("quartile")["state"], "needs_login");
        let got = stage.host.consume(4, &["get", "quartile"]);
        tells(&got, &["no login has succeeded yet", advice]);

        stage.sandbox.set_credentials(Credentials::default());
        stage.host.work(0, &["refresh", "quartile", "--force"]);
        stage.host.work(0, &["run"]);
        stage.host.get("quartile");
    });
}

#[test]
fn an_expired_token_ends_with_5_and_is_not_handed_out() {
    let settings = Settings { access_lifetime: Duration::from_secs(2), ..Settings::default() };
    on_each(|kind| {
        let stage = Stage::logged_in(kind, settings.clone());
        let expires_at = stage.host.status("quartile")["expires_at"].clone();
        sql::wait_until_expired(&stage.database);
        let got = stage.host.consume(5, &["get", "quartile"]);
        assert_eq!(got.stdout, "");
        let since = format!("expired at {}", expires_at.as_str().unwrap());
        tells(&got, &[&since, "tokenkeeper-worker run"]);
        let list = stage.host.consume(0, &["list"]);
        tells(&list, &[&since]);

        stage.sandbox.every_answer(Some(status(503)));
        sql::make_due(&stage.database);
        let run = stage.host.work(5, &["run"]);
        tells(&run, &["503", "there is no valid token", "next try from"]);
        let got = stage.host.consume(5, &["get", "quartile"]);
        tells(&got, &[&since, "503", "next try from"]);
    });
}

#[test]
fn a_name_that_nobody_keeps_ends_with_6() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let got = stage.host.consume(6, &["get", "nobody"]);
        tells(&got, &["nobody", "tokenkeeper-consumer list"]);
        for arguments in [&["run", "nobody"], &["refresh", "nobody"]] {
            let refused = stage.host.work(6, arguments);
            tells(&refused, &["nobody", "quartile"]);
        }
        let refused = stage.host.work(6, &["status", "nobody"]);
        tells(&refused, &["nobody", "tokenkeeper-worker status"]);
    });
}

#[test]
fn a_killed_server_ends_programs_with_7() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        if kind == Kind::Postgres {
            ends_programs_with_7_when_killed(Product::Postgres);
        } else {
            ends_programs_with_7_when_killed(Product::mysql());
        }
    });
}

fn ends_programs_with_7_when_killed(product: Product) {
    let server = Server::start(product);
    server.execute(product.first_database(), "CREATE DATABASE kept");
    let sandbox = start(Settings::default());
    let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", server.url("kept"));
    host.make_key();
    host.work(0, &["run"]);
    server.kill();
    let programs = [
        host.worker(&["run"]),
        host.worker(&["refresh", "quartile"]),
        host.worker(&["status"]),
        host.consumer(&["get", "quartile", "--wait", "1s"]),
        host.consumer(&["list"]),
    ];
    // Each waits for the server for some seconds: at once.
    for running in programs.map(|mut program| program.spawn()) {
        tells(&ends(7, running.wait()), &["database is out of reach"]);
    }
    assert_eq!(sandbox.counts().exchanges, 1, "nothing was asked in vain");
    server.restart();
    host.get("quartile");
}

#[test]
fn a_locked_sqlite_file_ends_a_run_with_7_before_the_provider_is_asked() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    sql::make_due(&stage.database);
    let held = sql::Held::row(&stage.database);
    let run = stage.host.work(7, &["run"]);
    tells(&run, &["database"]);
    stage.host.get("quartile");
    drop(held);
    assert_eq!(stage.sandbox.counts().exchanges, 1);
    stage.host.work(0, &["run"]);
}

#[test]
fn a_database_without_a_schema_ends_a_consumer_with_9() {
    for kind in each() {
        let database = Database::fresh(kind);
        let host = Host::new().with("DATABASE_URL", &database.url);
        for verb in [&["get", "quartile"][..], &["list"]] {
            let finished = host.consume(9, verb);
            tells(&finished, &["tokenkeeper-worker migrate"]);
        }
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named() {
    let port = free_port();
    let cases = [
        (9, "sqlite:///nonexistent/a.db".to_owned(), "/nonexistent/a.db"),
        (2, "sqlite:///etc/passwd".to_owned(), "/etc/passwd"),
        (2, postgres().url("no_such_database"), "no_such_database"),
        (2, mysql().url("no_such_database"), "no_such_database"),
        (7, format!("postgres://u@127.0.0.1:{port}/db"), "127.0.0.1"),
        (7, format!("mysql://u@127.0.0.1:{port}/db"), "127.0.0.1"),
        (7, "postgres://u@no-such-host.invalid/db".to_owned(), "no-such-host.invalid"),
        (2, "postgres://u@127.0.0.1/db?sslmode=maybe".to_owned(), "DATABASE_URL"),
    ];
    let start = |(code, url, place)| {
        let host = Host::new().with("DATABASE_URL", &url);
        let running = host.consumer(&["list"]).spawn();
        (code, place, url, host, running)
    };
    // Some wait for the database for some seconds: all at once.
    let started = cases.map(start).into_iter();
    let end = |(code, place, url, _host, running): (i32, &str, String, Host, Running)| {
        let finished = running.wait();
        let good = finished.code == Some(code) && finished.stderr.contains(place);
        (!good).then(|| format!("{url}: not {code} with {place}: {finished:?}"))
    };
    let bad: Vec<_> = started.filter_map(end).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn a_newer_schema_ends_both_programs_with_9() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let later = "UPDATE _sqlx_migrations SET version = 99 WHERE version = 2";
        sql::run(&stage.database, later);
        for verb in [&["run"][..], &["refresh", "quartile", "--force"], &["status"], &["migrate"]] {
            let finished = stage.host.work(9, verb);
            tells(&finished, &["99", "install"]);
        }
        let got = stage.host.consume(9, &["get", "quartile", "--json"]);
        let error = json(&got.stderr);
        assert_eq!(error["error"]["code"], Value::from(9));
        assert_eq!(stage.sandbox.counts().exchanges, 1);
    });
}
