//! Clean-ups that a daemon begins: which instant they are for, and that of two daemons one does it.

use std::{thread, time::Duration};

use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    applying::{TOKENS, dead},
    cleaning::{number, prepared, program},
    ground::{Ground, in_zones},
    harness::{
        databases::Kind,
        programs::{Program, Running},
    },
    http::{Answer, exchange_within, request},
    lagging::Pair,
};

const RUNS: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_cleanup_runs";
const PAUSE: Duration = Duration::from_millis(10);

/// A daemon that keeps no token, and cleans.
fn daemon(ground: &Ground, policy: &Policy, schedule: &str, more: &str) -> Program {
    let program = prepared(Program::worker(), ground, policy);
    let config = program.home().join("tokenkeeper.toml");
    let text = format!(
        "[cleanup.nightly]\npolicies = [\"{}\"]\npolicy_files = \"{}\"\nschedule = \"{schedule}\"\n{more}",
        policy.name,
        program.home().join("policy.toml").display(),
    );
    std::fs::write(&config, text).unwrap();
    program.args(["daemon"])
}

/// Has the last run begun so many days earlier.
async fn age(ground: &Ground, days: i64) {
    let sql = format!(
        "UPDATE tokenkeeper_cleanup_runs SET started_at = started_at - {}",
        days * 86_400_000
    );
    ground.execute(&sql).await;
}

/// Waits until a query counts that many runs.
async fn counted(ground: &Ground, runs: &'static str, least: i64) {
    let mut seen = 0;
    for _ in 0..4000 {
        seen = number(ground, runs).await;
        if seen >= least {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{ground}: {seen} runs");
}

fn stop(daemon: Running) -> String {
    daemon.signal("TERM");
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    format!("{}{}", ended.stdout, ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_missed_slots_two_daemons_make_up_for_the_last_one_once() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        let first = program(&ground, &policy, &["--apply", "--slot", "by-hand"]).run();
        assert_eq!(first.code, Some(0), "{ground}: {first:?}");
        ground.execute(&dead(99)).await;
        age(&ground, 3).await;
        let daemons = [(); 2].map(|()| daemon(&ground, &policy, "0 3 * * *", "").spawn());
        counted(&ground, AT_THREE, 1).await;
        let told = daemons.map(stop).concat();
        assert_eq!(number(&ground, RUNS).await, 2, "{ground}: {told}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}: {told}");
        assert_eq!(number(&ground, AT_THREE).await, 1, "{ground}: {told}");
        assert_eq!(told.matches("99 rows deleted").count(), 1, "{ground}: {told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_off_is_taken_up_and_the_slot_follows() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(99)).await;
        let dies = program(&ground, &policy, &["--apply", "--slot", "cut-off"]);
        let dead = dies.env("TOKENKEEPER_FAILPOINT", "cleanup_after_commit").run();
        assert_eq!(dead.code, None, "{ground}: {dead:?}");
        age(&ground, 2).await;
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET lease_until = 1").await;
        let daemon = daemon(&ground, &policy, "0 3 * * *", "").spawn();
        counted(&ground, AT_THREE, 1).await;
        let told = stop(daemon);
        assert_eq!(number(&ground, AT_THREE).await, 1, "{ground}: {told}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}: {told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instant_has_a_run_of_its_own() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let first =
            program(&ground, &policy, &["--apply", "--slot", "one", "--max-rows", "0"]).run();
        assert_eq!(first.code, Some(3), "{ground}: {first:?}");
        let daemon = daemon(&ground, &policy, "@every 2s", "").spawn();
        counted(&ground, RUNS, 3).await;
        let told = stop(daemon);
        assert_eq!(told.matches("9 rows deleted").count(), 1, "{ground}: {told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_begins_stands_still_while_a_replica_of_its_table_applies_nothing() {
    let pair = Pair::start(Kind::MySql).await;
    let more = "max_fraction = 1.0\nmax_lag = \"1s\"\nreplicas = [{ env = \"FOLLOWER\" }]\n";
    let daemon = |schedule| {
        let daemon = daemon(&pair.ground, &pair.policy, schedule, more);
        daemon.env("FOLLOWER", pair.replica.url("mysql")).env("TOKENKEEPER_RUN_KEY", KEY)
    };
    pair.replica.pause_replay();
    let timed = daemon("@every 2s").spawn();
    timed.complains("waiting for ", 1);
    assert_eq!(number(&pair.ground, TOKENS).await, pair.rows);
    stop(timed);
    // By a call, after what that one has left undone.
    let called = daemon("@yearly").args(["--http", "127.0.0.1:0"]).spawn();
    let port = port(&called);
    let answer = thread::spawn(move || clean(port));
    called.complains("waiting for ", 1);
    assert_eq!(number(&pair.ground, TOKENS).await, pair.rows);
    pair.replica.resume_replay();
    let answer = answer.join().unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["cleanups"][0]["status"], "done", "{answer:?}");
    assert_eq!(number(&pair.ground, TOKENS).await, 0, "{answer:?}");
    stop(called);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_a_clean_up_of_an_earlier_configuration_is_waited_for() {
    in_zones(&["UTC"], &["edfi-ods"], async |ground, policy| {
        // A batch that waits for a row: SQLite lets one write at a time.
        let (schema, pause) = match ground.place.kind {
            Kind::Sqlite => return,
            Kind::Postgres => ("dbo.", "SELECT pg_sleep(3)"),
            Kind::MySql => ("", "DO SLEEP(3)"),
        };
        let id = "00000000-0000-0000-0000-000000000001";
        let dead = format!(
            "INSERT INTO {schema}ClientAccessTokens (Id, Expiration) VALUES ('{id}', '2020-01-01')"
        );
        let first = program(&ground, &policy, &["--apply", "--slot", "by-hand"]).run();
        assert_eq!(first.code, Some(0), "{ground}: {first:?}");
        ground.execute(&dead).await;
        let holding = format!(
            "BEGIN; UPDATE {schema}ClientAccessTokens SET Scope = 'held' WHERE Id = '{id}'; {pause}; ROLLBACK"
        );
        let cleaning = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let daemon = daemon(&ground, &policy, "@every 1s", "max_fraction = 1.0\n").spawn();
            counted(&ground, RUNS, 2).await;
            daemon.signal("HUP");
            daemon.complains("read anew", 1);
            stop(daemon)
        };
        let ((), told) = tokio::join!(ground.execute(&holding), cleaning);
        assert_eq!(number(&ground, UNDER_WAY).await, 0, "{ground}: {told}");
    })
    .await;
}

/// The port that a daemon has said it listens on.
fn port(daemon: &Running) -> u16 {
    daemon.complains("listening on http://127.0.0.1:", 1);
    let said = daemon.said();
    let (_, rest) = said.split_once("listening on http://127.0.0.1:").unwrap();
    rest.split(|sign: char| !sign.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Calls for the clean-up.
fn clean(port: u16) -> Answer {
    let authorization = format!("Bearer {KEY}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
    let call = request("POST", "/run", &headers, "{\"cleanup\":[\"nightly\"]}");
    exchange_within(port, call.as_bytes(), Duration::from_secs(50)).remove(0)
}

const KEY: &str = "a-key-of-the-tests-0123456789";
const UNDER_WAY: &str =
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_cleanup_runs WHERE status = 'running'";
const AT_THREE: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_cleanup_runs WHERE slot LIKE '%T03:00:00Z' AND status = 'done'";
