//! A run that waits for replicas: real ones, which stop replaying while it is at work.

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::{Policy, shipped};

use crate::{
    applying::{TOKENS, dead},
    cleaning::{number, program, verb},
    ground::Ground,
    harness::{
        databases::{Database, Kind},
        programs::{Finished, Program, Running},
        servers::Server,
        wait,
    },
    tables::tables,
};

/// A server, one that follows it, and a product's tables on the first.
pub struct Pair {
    pub replica: Server,
    pub ground: Ground,
    pub policy: Policy,
    pub primary: Server,
    /// Rows that may go: so many that the run is still at work when a replica has stopped for a while.
    pub rows: i64,
}

impl Pair {
    pub async fn start(kind: Kind) -> Self {
        let primary = Server::primary(kind.product());
        let replica = primary.replica();
        let ground = Ground { zone: "UTC", place: Database::on(&primary, kind) };
        ground.execute(&tables(kind, "wso2-token")).await;
        let mut policy = shipped().unwrap()["wso2-token"].clone();
        policy.targets.iter_mut().for_each(|target| target.schema = None);
        let rows = if kind == Kind::Postgres { 20_000 } else { 6_000 };
        ground.execute(&dead(rows.try_into().unwrap())).await;
        let pair = Self { replica, ground, policy, primary, rows };
        pair.catches_up();
        pair
    }

    /// The run; MariaDB's replicas must be named, and those that PostgreSQL tells of need not be.
    pub fn run(&self, arguments: &[&str]) -> Program {
        let wish = ["--apply", "--yes-large", "--json", "--max-lag", "1s"];
        let program = program(&self.ground, &self.policy, &wish).args(arguments);
        match self.ground.place.kind {
            Kind::MySql => program.env(REPLICAS, self.replica.url("mysql")),
            _ => program,
        }
    }

    /// Waits until all that is there is on the replica, too.
    fn catches_up(&self) {
        let counted = || self.replica.try_execute(self.ground.place.name(), TOKENS);
        let there = |told: String| (told.trim() == self.rows.to_string()).then_some(());
        wait::until(LIMIT, || there(counted().ok()?)).unwrap();
    }

    /// Waits until the run's lease lasts longer than it does now.
    fn renews_its_lease(&self) {
        let lease =
            || self.primary.execute(self.ground.place.name(), LEASE).trim().parse::<i64>().unwrap();
        let now = lease();
        wait::until(LIMIT, || (lease() > now).then_some(())).unwrap();
    }

    /// Waits until the run has deleted something, and so waits for nobody yet.
    fn has_begun(&self) {
        self.has_fewer_than(self.rows);
    }

    fn has_fewer_than(&self, rows: i64) {
        let counted = || {
            self.primary.execute(self.ground.place.name(), TOKENS).trim().parse::<i64>().unwrap()
        };
        wait::until(LIMIT, || (counted() < rows).then_some(())).unwrap();
    }

    /// The run is at work again. It would take long to its end: it is asked to stop.
    fn goes_on(&self, running: Running, before: i64) -> Finished {
        running.complains("goes on", 1);
        self.has_fewer_than(before);
        running.signal("TERM");
        let done = running.wait();
        assert_eq!(done.code, Some(3), "{done:?}");
        done
    }
}

pub fn report(told: &str) -> Value {
    serde_json::from_str(told).unwrap()
}

/// How long the run says that it waited, seconds.
fn waited(report: &Value) -> f64 {
    let waited = report["waited_ms"].as_object().unwrap().values();
    waited.map(|millis| millis.as_f64().unwrap()).sum::<f64>() / 1000.0
}

/// A run whose replica stops in its middle: it stands still, and works again when the replica has gone on.
async fn stands_still_meanwhile(pair: &Pair, running: Running) {
    pair.has_begun();
    pair.replica.pause_replay();
    running.complains("waiting for ", 1);
    let before = number(&pair.ground, TOKENS).await;
    assert!(before > 0);
    // By then it has looked several times.
    pair.renews_its_lease();
    assert_eq!(number(&pair.ground, TOKENS).await, before);
    pair.replica.resume_replay();
    let report = report(&pair.goes_on(running, before).stdout);
    assert!(waited(&report) >= 2.0, "{report}");
    let told = verb(&pair.ground, &["history"]).run();
    assert!(told.stdout.contains(" for replicas"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stands_still_while_a_standby_of_postgresql_is_paused() {
    let pair = Pair::start(Kind::Postgres).await;
    let running = pair.run(&SLOWLY).spawn();
    stands_still_meanwhile(&pair, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stands_still_while_a_named_standby_of_postgresql_is_paused() {
    let pair = Pair::start(Kind::Postgres).await;
    let running = pair.run(&SLOWLY).args(["--replica", &pair.replica.url("postgres")]).spawn();
    stands_still_meanwhile(&pair, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stands_still_while_a_replica_of_mysql_applies_nothing() {
    let pair = Pair::start(Kind::MySql).await;
    let running = pair.run(&SLOWLY).spawn();
    stands_still_meanwhile(&pair, running).await;
}

/// PostgreSQL tells nothing any more of one that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_vanishes_is_waited_for_until_it_is_back() {
    let pair = Pair::start(Kind::Postgres).await;
    let running = pair.run(&SLOWLY).spawn();
    pair.has_begun();
    pair.replica.kill();
    running.complains("waiting for ", 1);
    let before = number(&pair.ground, TOKENS).await;
    assert!(before > 0);
    pair.replica.restart();
    pair.goes_on(running, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_obeys_its_time_and_the_stop_file_and_signals_and_loses_nothing() {
    for kind in [Kind::Postgres, Kind::MySql] {
        let pair = Pair::start(kind).await;
        pair.replica.pause_replay();
        // What the standby of PostgreSQL does not replay must be something.
        pair.ground.execute("CREATE TABLE later (id INT)").await;
        for ending in ["time", "file", "signal"] {
            let time = if ending == "time" { "3s" } else { "1h" };
            let program = pair.run(&["--run-time", time, "--slot", ending]);
            let file = program.home().join("stop");
            let running = program.args(["--stop-file", file.to_str().unwrap()]).spawn();
            running.complains("waiting for ", 1);
            match ending {
                "file" => std::fs::write(&file, "").unwrap(),
                "signal" => running.signal("TERM"),
                _ => {}
            }
            let done = running.wait();
            assert_eq!(done.code, Some(3), "{kind}, {ending}: {done:?}");
            let report = report(&done.stdout);
            let why = if ending == "file" { "stop file" } else { "the replica " };
            assert!(report["held_back"].as_str().unwrap().contains(why), "{kind}: {report}");
            assert_eq!(number(&pair.ground, TOKENS).await, pair.rows, "{kind}, {ending}");
        }
    }
}

const SLOWLY: [&str; 2] = ["--nice", "10"];
pub const CLEANED: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
pub const REPLICAS: &str = "TOKENKEEPER_CLEANUP_REPLICA_URLS";
const LEASE: &str = "SELECT CAST(MAX(lease_until) AS CHAR(20)) FROM tokenkeeper_cleanup_runs";
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
