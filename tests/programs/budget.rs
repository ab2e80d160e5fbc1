//! Credentials are not presented too often: no account is locked, by no fleet.

use std::time::Duration;

use tokenkeeper_worker::sandbox::{Credentials, Settings};

use super::{
    host::{on_each, tells},
    sql,
    stage::{Stage, status},
};

#[test]
fn a_refused_login_is_tried_again_by_itself_once_the_credentials_are_others() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let wrong = Credentials { password: "another".to_owned(), ..Credentials::default() };
        stage.sandbox.set_credentials(wrong);
        stage.host.work(4, &["run"]);
        for _ in 0..3 {
            stage.host.work(4, &["run"]);
        }
        assert_eq!(stage.sandbox.counts().exchanges, 1, "the same credentials are not shown again");
        let Stage { sandbox, database, host } = stage;
        let host = host.with("SANDBOX_PASSWORD", "another");
        host.work(4, &["run"]);
        assert_eq!(sandbox.counts().exchanges, 1, "nor others a moment later");
        sql::run(&database, "UPDATE tokens SET last_login_at = 1");
        let run = host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 logged in\n");
        assert!(sandbox.is_active(&host.get("quartile")));
        let refused = sql::cell(&database, "SELECT refused_login FROM tokens");
        assert_eq!(refused, None, "a login that succeeded leaves no refusal");
    });
}

#[test]
fn what_tells_refused_credentials_apart_is_no_plain_digest_of_them() {
    on_each(|kind| {
        let one = refused_login(&Stage::configured(kind, Settings::default(), &["quartile"]));
        let two = refused_login(&Stage::configured(kind, Settings::default(), &["quartile"]));
        assert_eq!(one.len(), 22, "{one}");
        assert_ne!(one, two, "another key makes another digest of the same request");
    });
}

fn refused_login(stage: &Stage) -> String {
    let wrong = Credentials { password: "another".to_owned(), ..Credentials::default() };
    stage.sandbox.set_credentials(wrong);
    stage.host.work(4, &["run"]);
    stage.column("refused_login").expect("the refusal is noted")
}

#[test]
fn a_login_without_an_answer_is_not_repeated_within_the_gap_by_any_worker() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.sandbox.next_answer(status(502));
        let run = stage.host.work(5, &["run"]);
        tells(&run, &["502", "next try from"]);
        // Whatever makes the row due: the gap is the row's, and holds for every worker.
        sql::make_due(&stage.database);
        stage.host.work(5, &["run"]);
        assert_eq!(stage.sandbox.counts().exchanges, 1);
        let row = stage.host.status("quartile");
        assert_eq!(row["failures"], 1, "a claim that only waits is no failure: {row}");

        stage.host.work(0, &["refresh", "quartile", "--force"]);
        assert_eq!(stage.sandbox.counts().exchanges, 2, "a human may");
    });
}

#[test]
fn a_provider_that_is_down_for_long_sees_few_logins() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.sandbox.every_answer(Some(status(503)));
        let mut waits = Vec::new();
        for _ in 0..5 {
            stage.host.work(5, &["run"]);
            let left = sql::cell(&stage.database, WAIT).expect("there is a next try");
            waits.push(left.trim().parse::<u64>().expect("milliseconds") / 1000);
            sql::forget_logins(&stage.database);
        }
        // Less a second: the wait begins a moment before the failure is written.
        assert!(waits.is_sorted() && waits[0] >= 29, "{waits:?}");
        assert!(waits[4] >= Duration::from_mins(5).as_secs() - 1, "{waits:?}");
    });
}

const WAIT: &str = "SELECT CAST(next_attempt_at - last_error_at AS CHAR(20)) FROM tokens";
