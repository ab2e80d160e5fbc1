//! The facade for programs without an async runtime.

use std::thread;

use tokenkeeper_consumer::{Error, Report, Request, blocking::Consumer};
use tokio::runtime::Runtime;

use crate::{
    harness::databases::{Database, each},
    stage::{HOUR, Stage, name},
};

#[test]
fn a_program_without_a_runtime_gets_tokens_on_any_thread() {
    for kind in each() {
        let database = Database::fresh(kind);
        let runtime = Runtime::new().unwrap();
        let stage = runtime.block_on(Stage::on(&database.url));
        runtime.block_on(stage.keep(HOUR));
        let consumer = Consumer::from_settings(stage.settings()).unwrap();
        let ask = |consumer: Consumer| consumer.token("quartile").unwrap().expose().to_owned();
        let other = thread::spawn({
            let consumer = consumer.clone();
            move || ask(consumer)
        });
        assert_eq!(ask(consumer.clone()), "access-1", "{kind}");
        assert_eq!(other.join().unwrap(), "access-1", "{kind}");
        let token = consumer.get(&name(), Request::default()).unwrap();
        let report = consumer.report_rejected(&token).unwrap();
        assert!(matches!(report, Report::Noted { .. }), "{kind}: {report:?}");
    }
}

#[test]
fn outside_a_runtime_the_async_consumer_is_an_error_and_no_panic() {
    let database = Database::fresh(each()[0]);
    let stage = Runtime::new().unwrap().block_on(Stage::on(&database.url));
    let made = tokenkeeper_consumer::Consumer::from_settings(stage.settings());
    assert!(matches!(made, Err(Error::NoRuntime)));
}

#[test]
fn inside_a_runtime_a_blocking_call_is_an_error_and_no_panic() {
    let database = Database::fresh(each()[0]);
    let runtime = Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::on(&database.url));
    runtime.block_on(stage.keep(HOUR));
    runtime.block_on(async {
        let consumer = Consumer::from_settings(stage.settings()).unwrap();
        assert!(matches!(consumer.token("quartile"), Err(Error::WouldBlock)));
        // Its runtime ends with it, inside the other one.
        drop(consumer);
    });
}
