//! An instance on AWS Lambda as a process: how it starts, what it logs, what becomes of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, tells},
    lambda::{TIMER, ended, instance},
    runtime_api::RuntimeApi,
    sql,
    stage::{Stage, host_of, start, status},
};
use crate::harness::{databases::Kind, wait};

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn what_is_wrong_with_an_instance_is_told_to_each_invocation() {
    let api = RuntimeApi::start();
    let bare = Host::new().with("DATABASE_URL", "postgres://u@127.0.0.1:9/x");
    let _instance = api.settled(bare.worker(&[])).spawn();
    assert!(api.invoke("{}").failure("usage").contains("no token is configured"));
    assert!(api.invoke(TIMER).failure("usage").contains("no token is configured"));
    let sandbox = start(Settings::default());
    for (database, kind, words) in [
        ("mysql://u:hidden@127.0.0.1:9/x", "temporary", "127.0.0.1"),
        ("postgres://u:hidden@127.0.0.1:9/x", "temporary", "127.0.0.1"),
        ("sqlite:///tmp/tokens.db", "usage", "set TOKENKEEPER_DATABASE_URL to a PostgreSQL"),
    ] {
        let host = host_of(&sandbox, &["quartile"]);
        host.make_key();
        let host = host.with("DATABASE_URL", database);
        let (api, instance) = instance(&host);
        let refused = api.invoke("{}");
        assert!(refused.failure(kind).contains(words), "{refused:?}");
        assert!(!format!("{refused:?}{:?}", ended(instance)).contains("hidden"));
    }
    assert_eq!(sandbox.counts().exchanges, 0);
}

#[test]
fn an_invocation_under_way_is_finished_and_answered_before_the_end() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    stage.sandbox.set_latency(Duration::from_secs(3));
    let (api, instance) = instance(&stage.host);
    let id = api.hand_out("{}", LIMIT * 10);
    let asked = || (stage.sandbox.counts().exchanges == 1).then_some(());
    assert!(wait::until(LIMIT, asked).is_some());
    assert_eq!(ended(instance).code, Some(0));
    assert_eq!(api.delivered(&id).report()["logged_in"], 1);
}

#[test]
fn its_log_is_lines_of_json_where_the_function_says_so() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let api = RuntimeApi::start();
    let program = api.settled(stage.host.worker(&["--log", "info"]));
    let instance = program.env("AWS_LAMBDA_LOG_FORMAT", "JSON").spawn();
    api.invoke("{}").report();
    sql::make_due(&stage.database);
    stage.sandbox.next_answer(status(503));
    api.invoke("{}").failure("temporary");
    api.invoke("[]").failure("usage");
    sql::make_due(&stage.database);
    api.invoke("{}").report();
    instance.complains("1 refreshed", 1);
    let said = instance.said();
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let of = |level: &str| lines.iter().filter(|line| line["level"] == level).count();
    assert!(of("ERROR") == 2 && of("INFO") > 1, "{said}");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["message"], &last["report"]["refreshed"]),
        (&json!("1 refreshed"), &json!(1))
    );
    assert_eq!(lines[0]["token"], "quartile", "{said}");
}

#[test]
fn a_verb_is_done_as_elsewhere_and_half_of_lambdas_variables_end_it() {
    let stage = Stage::configured(Kind::Postgres, Settings::default(), &["quartile"]);
    let worker = |arguments: &[&str]| stage.host.worker(arguments);
    let ran = worker(&["run"]).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1 logged in\n"), "{ran:?}");
    let lonely = worker(&[]).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").run();
    assert_eq!(lonely.code, Some(2), "{lonely:?}");
    tells(
        &lonely,
        &["AWS_LAMBDA_RUNTIME_API is set and AWS_LAMBDA_FUNCTION_NAME is not", "name a verb"],
    );
    for (name, value, words) in [
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is no number"),
        ("AWS_LAMBDA_RUNTIME_API", "http:///", "AWS_LAMBDA_RUNTIME_API is no address"),
    ] {
        let wrong = RuntimeApi::start().settled(worker(&[])).env(name, value).run();
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        tells(&wrong, &[words]);
    }
    let gone =
        RuntimeApi::start().settled(worker(&[])).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").run();
    assert_eq!(gone.code, Some(7), "{gone:?}");
    tells(&gone, &["AWS_LAMBDA_RUNTIME_API does not answer"]);
    assert_eq!(worker(&[]).run().code, Some(2), "without the variable there is help");
}
