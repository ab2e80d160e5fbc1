//! Signals: the first lets a run finish what it has claimed, the second ends it.

use std::time::Duration;

use tokenkeeper_worker::sandbox::{Fault, Settings};

use super::{
    host::{on_each, tells},
    sql,
    stage::Stage,
};
use crate::harness::wait;

#[test]
fn a_run_that_is_asked_to_stop_finishes_what_it_has_claimed_and_claims_no_more() {
    on_each(|kind| {
        let names: Vec<String> = (0..40).map(|number| format!("token-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stage = Stage::configured(kind, Settings::default(), &names);
        stage.sandbox.set_latency(Duration::from_secs(1));
        let run = stage.host.worker(&["run"]).spawn();
        is_asked(&stage, 16);
        run.signal("TERM");
        let ended = run.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        tells(&ended, &["16 logged in", "stopping"]);
        let counts = stage.sandbox.counts();
        assert_eq!((counts.exchanges, counts.logins), (16, 16), "{kind}");
        let held = sql::cell(
            &stage.database,
            "SELECT CAST(COUNT(*) AS CHAR(9)) FROM tokens WHERE updating",
        );
        assert_eq!(held.unwrap().trim(), "0");
        stage.sandbox.set_latency(Duration::ZERO);
        let rest = stage.host.work(0, &["run"]);
        assert_eq!(rest.stdout, "24 logged in\n");
    });
}

#[test]
fn a_second_signal_ends_a_run_at_once_with_7() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.sandbox.every_answer(Some(Fault::Hang { processed: false }));
        let mut run = stage.host.worker(&["run"]).spawn();
        is_asked(&stage, 1);
        run.signal("INT");
        // Another one: two of a kind that come at once are one to the kernel.
        run.signal("TERM");
        let ended = wait::until(Duration::from_secs(20), || run.has_ended().then_some(()));
        assert!(ended.is_some(), "{kind}");
        assert_eq!(run.wait().code, Some(7));
    });
}

fn is_asked(stage: &Stage, times: u64) {
    let asked = || (stage.sandbox.counts().exchanges >= times).then_some(());
    assert!(wait::until(Duration::from_secs(20), asked).is_some(), "the provider was not asked");
}
