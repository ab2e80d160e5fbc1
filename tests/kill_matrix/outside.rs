//! Deaths that no point in the code names: at random moments, while the schema is made, and the
//! database server's own.

use std::{thread::sleep, time::Duration};

use super::{
    host::{on, on_each},
    mode::Mode,
    patient::Patient,
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::{
    databases::{Database, Kind},
    long,
    servers::Server,
    wait,
};

#[test]
fn a_worker_killed_at_any_moment_leaves_a_row_that_heals() {
    on_each(|kind| {
        for round in 0..if long::is_wanted() { LONG_ROUNDS } else { ROUNDS } {
            let patient = Patient::due(kind, Mode::Grace);
            patient.stage.sandbox.set_latency(Duration::from_millis(30));
            let worker = patient.host().worker(&["run"]).spawn();
            // The moments are spread evenly over what a run takes.
            sleep(Duration::from_millis(u64::from(round) * STEP));
            worker.kill9();
            patient.is_served();
            patient.heals();
        }
    });
}

#[test]
fn a_death_while_the_schema_is_made_does_not_stand_in_the_next_ones_way() {
    on_each(|kind| {
        let database = Database::fresh(kind);
        let sandbox = start(Mode::Strict.settings());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", &database.url);
        host.make_key();
        for moment in 0..MOMENTS {
            let worker = host.worker(&["migrate"]).spawn();
            sleep(Duration::from_millis(u64::from(moment) * 4));
            worker.kill9();
        }
        host.work(0, &["migrate"]);
        host.work(0, &["run"]);
        let stage = Stage { sandbox, database, host };
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
    });
}

#[test]
fn a_change_of_the_schema_that_mariadb_did_not_finish_is_made_again() {
    let database = Database::fresh(Kind::MySql);
    let sandbox = start(Mode::Strict.settings());
    let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", &database.url);
    host.make_key();
    host.work(0, &["migrate"]);
    for version in 1..=3 {
        let unfinished =
            format!("UPDATE _sqlx_migrations SET success = FALSE WHERE version = {version}");
        sql::run(&database, &unfinished);
        host.work(0, &["migrate"]);
    }
    host.work(0, &["run"]);
}

#[test]
fn a_database_that_dies_between_answer_and_commit_gets_the_answer_when_it_is_back() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let server = Server::start(kind.product());
        server.execute(kind.product().first_database(), "CREATE DATABASE kept");
        let sandbox = start(Mode::Strict.settings());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", server.url("kept"));
        host.make_key();
        host.work(0, &["run"]);
        server.execute("kept", "UPDATE tokens SET refresh_at = 1");
        sandbox.set_latency(Duration::from_secs(1));
        let worker = host.worker(&["run"]).spawn();
        let asked = || (sandbox.counts().exchanges == 2).then_some(());
        assert!(wait::until(Duration::from_secs(20), asked).is_some());
        server.kill();
        sleep(Duration::from_secs(2));
        server.restart();
        let ended = worker.wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "1 refreshed\n"), "{ended:?}");
        assert_eq!(host.status("quartile")["generation"], 2);
        assert!(sandbox.is_active(&host.get("quartile")));
        assert_eq!((sandbox.counts().exchanges, sandbox.counts().replays), (2, 0));
    });
}

const ROUNDS: u32 = 6;
const LONG_ROUNDS: u32 = 40;
/// A run takes some hundred milliseconds on a small machine.
const STEP: u64 = 15;
/// A first migration takes some ten milliseconds.
const MOMENTS: u32 = 12;
