//! The protocol of Azure Functions' custom handlers.

use std::{net::TcpListener, thread, time::Duration};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    SERVERS,
    dead::Cleaned,
    host::{Host, on, tells},
    http::{Answer, exchange, request},
    stage::Stage,
};
use crate::harness::{databases::Kind, programs::Running, wait};

const LIMIT: Duration = Duration::from_secs(40);
/// As the host sends it.
const TIMER: &str = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2026-11-22T00:00:00Z","LastUpdated":"2026-11-22T00:00:00Z","Next":"2026-11-22T00:05:00Z"},"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"Refresh","UtcNow":"2026-11-22T00:05:00Z","RandGuid":"7e3a1d3c-0000-0000-0000-000000000000"}}}"#;

fn called(host: &Host) -> (Running, u16) {
    // The host chooses a port that is free.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let handler = host.worker(&["daemon"]);
    let handler = handler.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).spawn();
    handler.complains(&format!("listening on http://127.0.0.1:{port}\n"), 1);
    (handler, port)
}

fn post(port: u16, path: &str, body: &str) -> Answer {
    let headers = [("Content-Type", "application/json; charset=utf-8")];
    exchange(port, request("POST", path, &headers, body).as_bytes()).remove(0)
}

#[test]
fn the_timer_refreshes_and_nothing_comes_by_itself() {
    on(&SERVERS, |kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let (handler, port) = called(&stage.host);
        assert_eq!(stage.sandbox.counts().exchanges, 0, "{kind}");
        let answer = post(port, "/Refresh", TIMER);
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        let told = answer.json();
        assert_eq!(told["Outputs"], serde_json::json!({}), "{kind}: {told}");
        assert_eq!(told["Logs"][0], "1 logged in", "{kind}: {told}");
        assert!(told["Logs"][1].as_str().unwrap().contains("\"logged_in\":1"), "{kind}: {told}");
        assert!(told["ReturnValue"].is_null() && told.as_object().unwrap().len() == 3, "{kind}");
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")), "{kind}");
        let again = post(port, "/Refresh", TIMER).json();
        assert_eq!(again["Logs"][0], "nothing was due", "{kind}: {again}");
        assert_eq!(stage.sandbox.counts().exchanges, 1, "{kind}");
        handler.signal("TERM");
        assert_eq!(handler.wait().code, Some(0), "{kind}");
        let doctor = stage.host.worker(&["doctor"]).env("FUNCTIONS_CUSTOMHANDLER_PORT", "1").run();
        tells(
            &doctor,
            &["journal", "none is kept: an answer that comes while the database is down"],
        );
    });
}

#[test]
fn the_timer_cleans_all_that_the_configuration_names() {
    on(&SERVERS, |kind| {
        let cleaned = Cleaned::with(kind, 99, "");
        let (handler, port) = called(&cleaned.host);
        let answer = post(port, "/Cleanup", TIMER);
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        let told = answer.json();
        let words = told["Logs"][0].as_str().unwrap();
        assert!(
            words.starts_with("wso2-token: done") && words.contains("99 rows deleted"),
            "{told}"
        );
        assert!(told["Logs"][1].as_str().unwrap().contains("\"deleted\":99"), "{kind}: {told}");
        assert_eq!(cleaned.left(), 0, "{kind}");
        handler.signal("TERM");
        assert_eq!(handler.wait().code, Some(0), "{kind}");
    });
}

#[test]
fn a_call_under_way_is_finished_and_answered_before_the_end() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    stage.sandbox.set_latency(Duration::from_secs(3));
    let (handler, port) = called(&stage.host);
    let call = thread::spawn(move || post(port, "/Refresh", TIMER));
    let asked = || (stage.sandbox.counts().exchanges == 1).then_some(());
    assert!(wait::until(LIMIT, asked).is_some());
    post(port, "/Refresh", TIMER).is_problem(409, "busy");
    handler.signal("TERM");
    let answer = call.join().unwrap();
    assert_eq!((answer.status, &answer.json()["Logs"][0]), (200, &"1 logged in".into()));
    assert_eq!(handler.wait().code, Some(0));
}

#[test]
fn other_payloads_other_functions_and_a_missing_cleanup_are_refused() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let (_handler, port) = called(&stage.host);
    for payload in ["{}", "[]", "{", r#"{"Data":{}}"#, r#"{"Data":1,"Metadata":{}}"#] {
        post(port, "/Refresh", payload).is_problem(400, "bad_request");
    }
    post(port, "/Other", TIMER).is_problem(404, "no_such_path");
    post(port, "/run", TIMER).is_problem(404, "no_such_path");
    post(port, "/Cleanup", TIMER).is_problem(500, "not_configured");
    let get = exchange(port, request("GET", "/Refresh", &[], "").as_bytes()).remove(0);
    get.is_problem(405, "method_not_allowed");
    assert_eq!(stage.sandbox.counts().exchanges, 0);
}

#[test]
fn tokens_in_a_file_are_refused_with_what_to_set() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    for verb in ["daemon", "run", "doctor"] {
        let refused = stage.host.worker(&[verb]).env("FUNCTIONS_CUSTOMHANDLER_PORT", "1").run();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        tells(&refused, &["a file goes with the cloud's instance", "set TOKENKEEPER_DATABASE_URL"]);
    }
    assert_eq!(stage.sandbox.counts().exchanges, 0);
}

#[test]
fn a_database_that_is_away_fails_the_function_so_that_its_host_tries_again() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let handler = stage.host.worker(&["daemon"]).env("DATABASE_URL", "mysql://u@127.0.0.1:9/x");
    let handler = handler.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).spawn();
    handler.complains("listening on", 1);
    post(port, "/Refresh", TIMER).is_problem(503, "temporary");
}
