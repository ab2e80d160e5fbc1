//! AWS Lambda: the program answers invocations of its runtime protocol, whose other side is the tests'. The instance
//! itself is in `instance`.

use std::time::Duration;

use serde_json::{Value, json};
use tokenkeeper_worker::sandbox::{Credentials, Settings};

use super::{
    SERVERS,
    dead::Cleaned,
    host::{Host, on, tells},
    runtime_api::{Delivery, RuntimeApi},
    sql,
    stage::{Stage, status},
};
use crate::harness::{
    databases::Kind,
    programs::{Finished, Running},
};

/// As `EventBridge` sends it by a rule, or by a schedule without an input of its own.
pub const TIMER: &str = r#"{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-11-22T00:05:00Z","region":"eu-central-1","resources":["arn:aws:events:eu-central-1:123456789012:rule/refresh"],"detail":{}}"#;
/// More than any database's first batches take.
const ROWS: usize = 40_000;
const NEXT: &str = "[cleanup.next]\npolicies = [\"wso2-token\"]\ndatabase = { env = \"WSO2\" }\nschedule = \"@yearly\"\n";

/// An instance as Lambda starts it: without any argument.
pub fn instance(host: &Host) -> (RuntimeApi, Running) {
    let api = RuntimeApi::start();
    let instance = api.settled(host.worker(&[])).spawn();
    (api, instance)
}

pub fn ended(instance: Running) -> Finished {
    instance.signal("TERM");
    let ended = instance.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

impl Delivery {
    #[track_caller]
    pub fn report(&self) -> &Value {
        assert!(!self.is_failure, "{self:?}");
        &self.body
    }

    /// Why the invocation has failed, which is of this kind.
    #[track_caller]
    pub fn failure(&self, kind: &str) -> &str {
        assert!(self.is_failure && self.body["errorType"] == kind, "{self:?}");
        self.body["errorMessage"].as_str().unwrap()
    }
}

#[test]
fn an_invocation_does_a_pass_and_answers_what_run_tells() {
    on(&SERVERS, |kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let (api, instance) = instance(&stage.host);
        let first = api.invoke("{}");
        assert_eq!(first.report()["logged_in"], 1, "{kind}: {first:?}");
        let token = stage.host.get("quartile");
        assert!(stage.sandbox.is_active(&token), "{kind}");
        let printed: Value =
            serde_json::from_str(&stage.host.worker(&["run", "--json"]).run().stdout).unwrap();
        for event in [TIMER, "", "null", r#"{"run":[]}"#, r#"{"run":["quartile"]}"#] {
            assert_eq!(api.invoke(event).report(), &printed, "{kind}: {event}");
        }
        assert_eq!(stage.sandbox.counts().exchanges, 1, "{kind}");
        sql::make_due(&stage.database);
        assert_eq!(api.invoke(TIMER).report()["refreshed"], 1, "{kind}");
        let said = ended(instance);
        tells(&said, &["8476a536-e9f4-11e8-9739-000000000000: 1 logged in: {", "nothing was due"]);
        let secrets = Credentials::default();
        let (refresh_token, said) = (stage.newest_refresh_token(), format!("{said:?}{first:?}"));
        for secret in [token.as_str(), &refresh_token, &secrets.password, &secrets.subscription_key]
        {
            assert!(!said.contains(secret), "{kind}: {said}");
        }
        let doctor = api.settled(stage.host.worker(&["doctor"])).run();
        tells(&doctor, &["none is kept: an answer that comes while the database is down"]);
    });
}

#[test]
fn a_clean_up_that_is_asked_for_is_done_and_told() {
    on(&SERVERS, |kind| {
        let cleaned = Cleaned::with(kind, 99, "");
        let (api, instance) = instance(&cleaned.host);
        let done = api.invoke(r#"{"cleanup":["wso2-token"]}"#);
        let told = &done.report()["cleanups"][0];
        assert_eq!((&told["status"], &told["targets"][0]["deleted"]), (&json!("done"), &json!(99)));
        assert_eq!(cleaned.left(), 0, "{kind}: {told}");
        tells(&ended(instance), &["99 rows deleted"]);
    });
}

#[test]
fn a_clean_up_ends_before_its_time_and_says_what_is_left() {
    on(&SERVERS, |kind| {
        // After each batch it rests a thousand times as long.
        let slow = format!("max_fraction = 1.0\nnice = 1000.0\n{NEXT}");
        let cleaned = Cleaned::with(kind, ROWS, &slow);
        let (api, instance) = instance(&cleaned.host);
        let event = r#"{"cleanup":["wso2-token","next"]}"#;
        let cut = api.invoke_within(event, Duration::from_secs(97));
        assert_eq!(cut.report()["cleanups"][0]["status"], "partly", "{kind}: {cut:?}");
        assert_eq!(cut.report()["cleanups"][1]["status"], "not_begun", "{kind}: {cut:?}");
        assert!((1..ROWS).contains(&cleaned.left()), "{kind}: {}", cleaned.left());
        tells(&ended(instance), &["dead rows are left", "not begun: the worker was asked to stop"]);
    });
}

#[test]
fn events_that_cannot_be_meant_fail_with_what_to_send_and_the_next_is_answered() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let (api, instance) = instance(&stage.host);
    for (event, kind, words) in [
        ("[]", "usage", "no object: send nothing"),
        ("{\"run\":", "usage", "no object: send nothing"),
        (r#"{"Records":[]}"#, "usage", "unknown: Records; send nothing"),
        (r#"{"run":["-"]}"#, "usage", "run: "),
        (r#"{"run":["nobody"]}"#, "no_such_name", "no token named \"nobody\" is configured"),
        (r#"{"cleanup":["nothing"]}"#, "no_such_name", "no table [cleanup.nothing]"),
    ] {
        let refused = api.invoke(event);
        assert!(refused.failure(kind).contains(words), "{event}: {refused:?}");
    }
    assert_eq!(stage.sandbox.counts().exchanges, 0);
    assert_eq!(api.invoke("{}").report()["logged_in"], 1);
    tells(&ended(instance), &["failed: unknown: Records"]);
}

#[test]
fn what_waiting_may_mend_fails_the_invocation_and_what_a_human_must_do_is_told() {
    on(&SERVERS, |kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let (api, _instance) = instance(&stage.host);
        assert_eq!(api.invoke(TIMER).report()["logged_in"], 1, "{kind}");
        sql::make_due(&stage.database);
        stage.sandbox.every_answer(Some(status(503)));
        let out = api.invoke(TIMER);
        assert!(out.failure("temporary").contains("\"failed\":1"), "{kind}: {out:?}");
        stage.sandbox.every_answer(None);
        stage.sandbox.revoke_all();
        let password = "another".to_owned();
        stage.sandbox.set_credentials(Credentials { password, ..Credentials::default() });
        sql::forget_logins(&stage.database);
        let refused = api.invoke(TIMER);
        assert_eq!(refused.report()["needs_login"], json!(["quartile"]), "{kind}: {refused:?}");
    });
}

#[test]
fn with_too_little_time_nothing_is_begun() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let (api, _instance) = instance(&stage.host);
    for event in ["{}", r#"{"cleanup":["any"]}"#] {
        let refused = api.invoke_within(event, Duration::from_secs(60));
        let told = refused.failure("temporary");
        assert!(told.contains("nothing was begun") && told.contains("420 s"), "{event}: {told}");
    }
    assert_eq!(stage.sandbox.counts().exchanges, 0);
    assert_eq!(api.invoke("{}").report()["logged_in"], 1);
}

#[test]
fn a_pass_ends_before_its_time_and_the_next_one_goes_on() {
    on(&SERVERS, |kind| {
        let stage = Stage::configured(kind, Settings::default(), &["a", "b", "c", "d"]);
        let config = stage.host.config_folder().join("tokenkeeper.toml");
        let tables = std::fs::read_to_string(config).unwrap();
        stage.host.configure(&format!("[run]\nper_host = 1\n{tables}"));
        stage.sandbox.set_latency(Duration::from_secs(2));
        let (api, _instance) = instance(&stage.host);
        let cut = api.invoke_within("{}", Duration::from_secs(93));
        let done = cut.report()["logged_in"].as_u64().unwrap();
        assert!((1..4).contains(&done), "{kind}: {cut:?}");
        assert_eq!(stage.sandbox.counts().exchanges, done, "{kind}: {cut:?}");
        stage.sandbox.set_latency(Duration::ZERO);
        assert_eq!(api.invoke("{}").report()["logged_in"], 4 - done, "{kind}");
    });
}
