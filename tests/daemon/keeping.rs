//! Tokens are kept, by one daemon or two, whatever becomes of the database.

use std::{thread, time::Duration};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{on, on_each, tells},
    sql,
    stage::{Stage, host_of, start},
    telling::Manager,
};
use crate::harness::{databases::Kind, servers::Server, wait};

/// Far more than anything here takes, and less than the minute after which a daemon that listens looks by itself.
const LIMIT: Duration = Duration::from_secs(40);

/// Waits until the provider was asked so often.
#[track_caller]
pub fn is_asked(stage: &Stage, times: u64) {
    let asked = || (stage.sandbox.counts().exchanges >= times).then_some(());
    let came = wait::until(LIMIT, asked);
    assert!(came.is_some(), "the provider was asked {} times", stage.sandbox.counts().exchanges);
}

#[test]
fn a_token_is_renewed_again_and_again_before_it_expires() {
    on_each(|kind| {
        let settings = Settings { access_lifetime: Duration::from_secs(12), ..Settings::default() };
        let stage = Stage::configured(kind, settings, &["quartile"]);
        let daemon = stage.host.worker(&["daemon"]).spawn();
        for renewals in 1..=3 {
            is_asked(&stage, renewals);
            sql::wait_for(&stage.database, &format!("generation >= {renewals}"));
            assert!(stage.sandbox.is_active(&stage.host.get("quartile")), "{kind}");
        }
        daemon.signal("TERM");
        let ended = daemon.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(stage.sandbox.counts().replays, 0, "{kind}");
    });
}

#[test]
fn a_row_that_becomes_due_wakes_a_sleeping_daemon() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.host.work(0, &["migrate"]);
        let manager = Manager::of(&stage);
        let _daemon = manager.told(stage.host.worker(&["daemon"])).spawn();
        manager.hears("; last: 1 logged in", 1);
        // What its own pass has changed wakes it once more: from then on only this row does. A daemon that does not
        // hear looks by itself after a minute, which is longer than the wait below.
        thread::sleep(Duration::from_secs(1));
        sql::make_due(&stage.database);
        sql::wait_for(&stage.database, "generation = 2 AND NOT updating");
        assert_eq!(stage.sandbox.counts().exchanges, 2, "{kind}");
    });
}

#[test]
fn two_daemons_renew_each_token_once() {
    on_each(|kind| {
        let names: Vec<String> = (0..20).map(|number| format!("token-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stage = Stage::configured(kind, Settings::default(), &names);
        stage.host.work(0, &["migrate"]);
        let daemons = [(); 2].map(|()| stage.host.worker(&["daemon"]).spawn());
        for generation in 1..=2_u64 {
            let left = format!(
                "SELECT CAST(COUNT(*) AS CHAR(9)) FROM tokens WHERE generation = {generation} AND NOT updating"
            );
            let all = || (sql::cell(&stage.database, &left)?.trim() == "20").then_some(());
            assert!(wait::until(LIMIT, all).is_some(), "{kind}: {:?}", stage.sandbox.counts());
            assert_eq!(stage.sandbox.counts().exchanges, 20 * generation, "{kind}");
            sql::make_due(&stage.database);
        }
        for daemon in daemons {
            daemon.signal("TERM");
            assert_eq!(daemon.wait().code, Some(0), "{kind}");
        }
    });
}

#[test]
fn a_database_that_dies_and_comes_back_is_waited_for_and_told_once() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let server = Server::start(kind.product());
        let sandbox = start(Settings::default());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", server.fresh_database());
        host.make_key();
        let daemon = host.worker(&["daemon"]).spawn();
        let asked =
            |times| wait::until(LIMIT, || (sandbox.counts().exchanges >= times).then_some(()));
        assert!(asked(1).is_some(), "{kind}");
        host.work(0, &["status"]);
        server.kill();
        daemon.signal("HUP");
        daemon.complains("trying again until it works", 1);
        server.restart();
        daemon.complains("the database is back", 1);
        host.work(0, &["refresh", "quartile", "--force"]);
        daemon.signal("TERM");
        let ended = daemon.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stderr.matches("trying again").count(), 1, "{ended:?}");
    });
}

#[test]
fn a_daemon_that_is_asked_to_stop_finishes_what_it_has_claimed() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
        stage.sandbox.set_latency(Duration::from_secs(2));
        let daemon = stage.host.worker(&["daemon"]).spawn();
        is_asked(&stage, 1);
        daemon.signal("TERM");
        let ended = daemon.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        tells(&ended, &["1 logged in", "stopping"]);
        sql::wait_for(&stage.database, "generation = 1 AND NOT updating");
    });
}
