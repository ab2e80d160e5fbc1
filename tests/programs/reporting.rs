//! `report`: what follows for the worker and the provider, and how it is told.

use serde_json::Value;
use tokenkeeper_worker::sandbox::{Credentials, Settings};

use super::{
    host::{json, on_each, tells},
    sql,
    stage::Stage,
};
use crate::harness::databases::Kind;

#[test]
fn a_refused_token_is_renewed_early_once() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let before = stage.host.get("quartile");
        let report = |generation: &str| {
            let arguments = ["report", "quartile", "--generation", generation, "--json"];
            json(&stage.host.consume(0, &arguments).stdout)
        };
        let first = report("1");
        assert_eq!((&first["outcome"], &first["stored_generation"]), (&"noted".into(), &1.into()));
        assert!(first["due"].is_string(), "{first}");
        let again = report("1");
        assert_eq!((&again["outcome"], &again["due"]), (&"known".into(), &Value::Null));
        // The gap between two renewals has passed.
        sql::make_due(&stage.database);
        stage.host.work(0, &["run"]);
        let late = report("1");
        assert_eq!(
            (&late["outcome"], &late["stored_generation"]),
            (&"superseded".into(), &2.into())
        );
        assert_ne!(stage.host.get("quartile"), before);
        let told = stage.host.consume(0, &["report", "quartile", "--generation", "1"]);
        tells(&told, &["generation 2", "tokenkeeper-consumer get quartile"]);
        assert_eq!(told.stdout.lines().count(), 1);
    });
}

#[test]
fn a_report_that_nobody_acts_on_says_who_must() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let wrong = Credentials { password: "another".to_owned(), ..Credentials::default() };
    stage.sandbox.set_credentials(wrong);
    stage.host.work(4, &["run"]);
    stage.host.consume(6, &["report", "nobody", "--generation", "1"]);
    sql::run(&stage.database, "UPDATE tokens SET generation = 1");
    let told = stage.host.consume(4, &["report", "quartile", "--generation", "1"]);
    assert_eq!(told.stdout, "");
    tells(&told, &["\"quartile\"", "tokenkeeper-worker refresh quartile --force"]);
    sql::run(&stage.database, "UPDATE tokens SET state = 'disabled'");
    tells(&stage.host.consume(4, &["report", "quartile", "--generation", "1"]), &["disabled"]);
}

#[test]
fn a_generation_that_is_none_is_refused() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for bad in ["0", "-1", "x", "", "99999999999999999999"] {
        let generation = format!("--generation={bad}");
        tells(&stage.host.consume(2, &["report", "quartile", &generation]), &["--generation"]);
    }
    tells(&stage.host.consume(2, &["report", "quartile"]), &["--generation"]);
}

#[test]
fn who_may_only_read_gets_tokens_and_is_told_that_reports_want_more() {
    let stage = Stage::logged_in(Kind::Postgres, Settings::default());
    sql::run(
        &stage.database,
        "CREATE ROLE report_reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO report_reader",
    );
    let reader = stage.database.url.replace("postgres@", "report_reader@");
    let mut get = stage.host.consumer(&["get", "quartile"]).env("DATABASE_URL", &reader);
    assert_eq!(get.run().code, Some(0));
    let report = ["report", "quartile", "--generation", "1"];
    let refused = stage.host.consumer(&report).env("DATABASE_URL", &reader).run();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    tells(&refused, &["permission denied"]);
}
