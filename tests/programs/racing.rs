//! Eight processes at once: what is due is exchanged once, and nobody fails for it.

use std::time::Duration;

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, ends, on_each},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, programs::Finished};

#[test]
fn eight_runs_at_once_on_one_due_row_make_one_exchange() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let spent = stage.newest_refresh_token();
        // Long enough for the others to come while the row is held.
        stage.sandbox.set_latency(Duration::from_secs(2));
        sql::make_due(&stage.database);
        let ended = eight(&stage.host, &["run"]);
        assert_eq!(renewals(ended), 1);
        let counts = stage.sandbox.counts();
        assert_eq!((counts.exchanges, counts.refreshes, counts.replays), (2, 1, 0));
        assert_eq!(stage.sandbox.spends_of(&spent), 1);
        assert_eq!(stage.host.status("quartile")["generation"], 2);
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
    });
}

#[test]
fn eight_first_runs_at_once_log_in_once() {
    on_each(|kind| {
        let stage = match kind {
            // The key is made by the race, too.
            Kind::Sqlite => Stage::tutorials(kind, Settings::default()),
            Kind::Postgres | Kind::MySql => {
                Stage::configured(kind, Settings::default(), &["quartile"])
            }
        };
        assert_eq!(renewals(eight(&stage.host, &["run"])), 1);
        let counts = stage.sandbox.counts();
        assert_eq!((counts.exchanges, counts.logins), (1, 1));
        assert_eq!(stage.host.status("quartile")["generation"], 1);
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
    });
}

/// Runs the worker eight times at once; each must end with 0.
fn eight(host: &Host, arguments: &[&str]) -> Vec<Finished> {
    let running: Vec<_> = (0..8).map(|_| host.worker(arguments).spawn()).collect();
    let ended = running.into_iter().map(|running| ends(0, running.wait()));
    ended.collect()
}

/// How many of them renewed the token. The others have nothing to say.
fn renewals(ended: Vec<Finished>) -> usize {
    let told = ended.into_iter().filter(|one| !one.stdout.is_empty());
    let told: Vec<_> = told.map(|one| one.stdout).collect();
    let renewed = |line: &String| line == "1 refreshed\n" || line == "1 logged in\n";
    assert!(told.iter().all(renewed), "{told:?}");
    told.len()
}
