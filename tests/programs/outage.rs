//! The provider is out of order: the worker says so, and consumers go on with what is stored. The
//! database is: `get` waits for it.

use std::{thread::sleep, time::Duration};

use tokenkeeper_worker::sandbox::{Fault, Settings};

use super::{
    host::{ends, on, on_each, only_line, tells},
    sql,
    stage::{Stage, host_of, start, status},
};
use crate::harness::{databases::Kind, servers::Server};

#[test]
fn consumers_outlive_an_outage_with_a_warning_that_says_until_when() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let token = stage.host.get("quartile");
        sql::make_due(&stage.database);
        stage.sandbox.every_answer(Some(status(502)));
        let run = stage.host.work(7, &["run"]);
        assert_eq!(run.stdout, "1 failed\n");
        let row = stage.host.status("quartile");
        let until = row["expires_at"].as_str().unwrap();
        tells(&run, &["502", until, row["next_attempt_at"].as_str().unwrap()]);
        assert_eq!((&row["valid"], &row["failures"]), (&true.into(), &1.into()));

        let got = stage.host.consume(0, &["get", "quartile"]);
        assert_eq!(only_line(&got.stdout), token);
        let warning = only_line(&got.stderr);
        assert!(warning.starts_with("warning: quartile"), "{warning}");
        tells(&got, &[until, "502"]);

        stage.sandbox.every_answer(None);
        sql::make_due(&stage.database);
        stage.host.work(0, &["run"]);
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
        assert_eq!(stage.sandbox.counts().logins, 1);
        assert_eq!(stage.sandbox.counts().replays, 0);
    });
}

#[test]
fn a_provider_that_refuses_connections_costs_no_refresh_token() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let Stage { sandbox, database, host } = stage;
        let address = sandbox.url().strip_prefix("http://").unwrap().to_owned();
        super::host::runtime().block_on(sandbox.stop());
        sql::make_due(&database);
        let run = host.work(7, &["run"]);
        tells(&run, &["not_sent", &address, "cannot be reached", "works until"]);
        let row = host.status("quartile");
        assert!(row["uncertain_since"].is_null(), "{row}");
        assert_eq!(row["updating"], false);
        let got = host.consume(0, &["get", "quartile"]);
        tells(&got, &["warning: quartile", row["expires_at"].as_str().unwrap()]);
    });
}

#[test]
fn an_outage_is_told_in_json_too() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    sql::make_due(&stage.database);
    stage.sandbox.every_answer(Some(Fault::Cut { processed: false }));
    let run = stage.host.work(7, &["run", "--json"]);
    let report = super::host::json(&run.stdout);
    assert_eq!((&report["failed"], &report["refreshed"]), (&1.into(), &0.into()));
    let failure = &report["failures"][0];
    assert_eq!(failure["name"], "quartile");
    assert_eq!(failure["class"], "uncertain");
    assert!(failure["valid_until"].is_string() && failure["next_attempt_at"].is_string());
    let got = stage.host.consume(0, &["get", "quartile", "--json"]);
    let object = super::host::json(&got.stdout);
    assert_eq!(object["warning"], "refresh_failed");
}

#[test]
fn get_outwaits_a_database_that_comes_back() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let server = Server::start(kind.product());
        let sandbox = start(Settings::default());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", server.fresh_database());
        host.make_key();
        host.work(0, &["run"]);
        let token = host.get("quartile");
        server.kill();
        let mut asked = host.consumer(&["get", "quartile", "--wait", "50s"]).spawn();
        sleep(BEYOND_ONE_TRY);
        assert!(!asked.has_ended(), "{:?}", asked.wait());
        server.restart();
        let got = ends(0, asked.wait());
        assert_eq!((only_line(&got.stdout), got.stderr.as_str()), (token, ""));
    });
}

/// One try to connect takes five seconds where the server refuses.
const BEYOND_ONE_TRY: Duration = Duration::from_secs(7);
