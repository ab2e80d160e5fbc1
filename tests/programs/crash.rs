//! A worker that is killed while it holds a row: what consumers get, and what the next worker does.

use std::time::Duration;

use tokenkeeper_worker::sandbox::{Fault, Settings};

use super::{
    host::{on_each, only_line, tells},
    sql,
    stage::Stage,
};
use crate::harness::databases::Kind;

#[test]
fn a_killed_worker_keeps_nobody_from_the_valid_token() {
    on_each(|kind| {
        let (stage, token) = killed_while_updating(kind, false);
        let until = stage.host.status("quartile")["expires_at"].clone();
        let until = until.as_str().unwrap();
        let serve = ["get", "quartile", "--while-updating", "serve"];
        let at_once = stage.host.consume(0, &serve);
        assert_eq!(only_line(&at_once.stdout), token);
        tells(&at_once, &["renewing it right now", until]);
        let waited = stage.host.consume(0, &["get", "quartile", "--wait", "1s"]);
        assert_eq!(only_line(&waited.stdout), token);
        assert!(waited.took >= Duration::from_secs(1), "{waited:?}");
        tells(&waited, &["warning: quartile", "renewing it right now", until]);
        assert!(stage.sandbox.is_active(&token));
    });
}

#[test]
fn the_next_run_heals_the_row_once_the_lease_has_lapsed() {
    on_each(|kind| {
        let (stage, token) = killed_while_updating(kind, false);
        let early = stage.host.work(0, &["run"]);
        assert_eq!(early.stdout, "", "the lease still holds");
        sql::lapse_leases(&stage.database);
        // No worker holds it any more: nobody waits, and nothing is wrong with the token.
        assert_eq!(stage.host.get("quartile"), token);
        stage.sandbox.every_answer(None);
        let healed = stage.host.work(0, &["run"]);
        assert_eq!(healed.stdout, "1 refreshed\n");
        let row = stage.host.status("quartile");
        assert_eq!((&row["generation"], &row["updating"]), (&2.into(), &false.into()));
        let renewed = stage.host.get("quartile");
        assert!(renewed != token && stage.sandbox.is_active(&renewed));
        let counts = stage.sandbox.counts();
        assert_eq!((counts.logins, counts.replays), (1, 0));
    });
}

#[test]
fn an_answer_that_died_with_the_worker_costs_one_replay_and_one_login() {
    on_each(|kind| {
        let (stage, _) = killed_while_updating(kind, true);
        sql::lapse_leases(&stage.database);
        sql::forget_logins(&stage.database);
        stage.sandbox.every_answer(None);
        let healed = stage.host.work(0, &["run"]);
        assert_eq!(healed.stdout, "1 logged in\n");
        assert_eq!(stage.host.status("quartile")["generation"], 2);
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
        let counts = stage.sandbox.counts();
        assert_eq!((counts.logins, counts.replays), (2, 1));
    });
}

#[test]
fn who_asks_for_a_row_that_is_held_is_told_by_whom() {
    on_each(|kind| {
        let (stage, _) = killed_while_updating(kind, false);
        let refused = stage.host.work(8, &["refresh", "quartile", "--force"]);
        tells(&refused, &["quartile", "right now"]);
        let row = stage.host.status("quartile");
        tells(&refused, &[row["worker"].as_str().unwrap()]);
    });
}

#[test]
fn whoever_waits_for_a_first_login_in_vain_ends_with_7() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        let hang = Fault::Hang { processed: false };
        stage.sandbox.every_answer(Some(hang));
        stage.host.work(0, &["migrate"]);
        let _running = stage.host.worker(&["run"]).spawn();
        sql::wait_for(&stage.database, "updating");
        let got = stage.host.consume(7, &["get", "quartile", "--wait", "1s"]);
        assert_eq!(got.stdout, "");
        tells(&got, &["quartile", "still renewing it", "nothing valid"]);
        assert!(got.took >= Duration::from_secs(1), "{got:?}");
    });
}

/// A stage whose worker was killed in the middle of a renewal, and the token that is stored there.
fn killed_while_updating(kind: Kind, processed: bool) -> (Stage, String) {
    let stage = Stage::logged_in(kind, Settings::default());
    let token = stage.host.get("quartile");
    stage.sandbox.every_answer(Some(Fault::Hang { processed }));
    sql::make_due(&stage.database);
    let victim = stage.host.worker(&["run"]).spawn();
    sql::wait_for(&stage.database, "updating");
    // The request has arrived: the sandbox has counted it beside the login.
    let heard = || (stage.sandbox.counts().exchanges == 2).then_some(());
    let heard = crate::harness::wait::until(Duration::from_secs(20), heard);
    assert!(heard.is_some(), "the provider was never asked");
    assert_eq!(victim.kill9().code, None);
    (stage, token)
}
