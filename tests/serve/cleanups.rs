//! What clean-ups have deleted, in the metrics: told by a run in one database, read from another.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql, sqlite::SqliteConnectOptions};
use tokio::runtime::Runtime;

use super::stage::{Server, Stage, path};
use crate::harness::{
    databases::{Kind, each},
    programs::{Finished, Program},
};

#[test]
fn metrics_tell_what_clean_ups_have_deleted_and_how_the_last_one_ended() {
    for kind in each() {
        let stage = Stage::on(kind);
        let key = stage.new_key("all", &["--token", "*"]);
        let server = stage.serve(&[]);
        assert_eq!(told(&server, &key), [""; 0], "{kind}: nothing was cleaned");
        let cleaned = Cleaned::with(&stage, 5);
        let clean = |slot: &str, more: &[&str]| cleaned.by(stage.worker(&[]), slot, more);
        let done = clean("one", &[]);
        assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{kind}: {done:?}");
        // Had by another run already: nothing is counted twice.
        assert_eq!(clean("one", &[]).code, Some(0), "{kind}");
        assert_eq!(told(&server, &key), figures(5, "done"), "{kind}");
        cleaned.fill(4);
        assert_eq!(clean("two", &["--max-rows", "3"]).code, Some(3), "{kind}");
        assert_eq!(told(&server, &key), figures(8, "partly"), "{kind}");
        assert!(server.get("/metrics", &key).body.contains(ENDED), "{kind}");
    }
}

#[test]
fn a_clean_up_whose_figures_cannot_be_noted_says_so_and_is_none_the_worse() {
    let stage = Stage::on(Kind::Sqlite);
    let cleaned = Cleaned::with(&stage, 2);
    stage.sql("DROP TABLE cleanup_totals");
    let away = "postgres://nobody:canary@127.0.0.1:9/none";
    for (slot, worker) in [
        ("no-table", stage.worker(&[])),
        ("away", Program::worker().env("TOKENKEEPER_DATABASE_URL", away)),
        ("bad-file", Program::worker().args(["--config", "/no/such/file"])),
    ] {
        cleaned.fill(2);
        let done = cleaned.by(worker, slot, &[]);
        assert_eq!(done.code, Some(0), "{slot}: {done:?}");
        assert!(done.stdout.contains("rows deleted"), "{slot}: {done:?}");
        assert!(done.stderr.contains("missing in the metrics"), "{slot}: {done:?}");
        assert!(!done.stderr.contains("canary"), "{slot}: {done:?}");
    }
    // Who cleans need not keep tokens.
    cleaned.fill(2);
    let done = cleaned.by(Program::worker(), "nowhere", &[]);
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:?}");
}

/// A product's database, apart from tokenkeeper's.
struct Cleaned {
    url: String,
    policy: String,
}

impl Cleaned {
    fn with(stage: &Stage, dead: usize) -> Self {
        let url = format!("sqlite://{}", stage.path("product.db").display());
        let policy = path(&stage.write("web.toml", POLICY)).to_owned();
        let cleaned = Self { url, policy };
        cleaned.execute("CREATE TABLE web_session (id INTEGER PRIMARY KEY, ends_at BIGINT)");
        cleaned.fill(dead);
        cleaned
    }

    fn fill(&self, dead: usize) {
        let rows = vec!["(1000)"; dead].join(", ");
        self.execute(&format!("INSERT INTO web_session (ends_at) VALUES {rows}"));
    }

    fn execute(&self, sql: &str) {
        let options: SqliteConnectOptions = self.url.parse().unwrap();
        Runtime::new().unwrap().block_on(async {
            let mut connection = options.create_if_missing(true).connect().await.unwrap();
            raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    fn by(&self, worker: Program, slot: &str, more: &[&str]) -> Finished {
        let arguments = ["cleanup", "web", "--apply", "--slot", slot];
        let worker = worker.env("TOKENKEEPER_CLEANUP_DATABASE_URL", &self.url);
        worker.env("TOKENKEEPER_CLEANUP_POLICIES", &self.policy).args(arguments).args(more).run()
    }
}

/// The lines on clean-ups, but for the time.
fn told(server: &Server, key: &str) -> Vec<String> {
    let body = server.get("/metrics", key).body;
    let lines = body.lines().filter(|line| line.starts_with("tokenkeeper_cleanup_"));
    lines.filter(|line| !line.starts_with(ENDED)).map(str::to_owned).collect()
}

fn figures(deleted: u64, status: &str) -> [String; 2] {
    [
        format!("tokenkeeper_cleanup_deleted_rows_total{{policy=\"web\"}} {deleted}"),
        format!("tokenkeeper_cleanup_last_run_status{{policy=\"web\",status=\"{status}\"}} 1"),
    ]
}

const ENDED: &str = "tokenkeeper_cleanup_last_run_timestamp_seconds{policy=\"web\"} ";

const POLICY: &str = r#"
name = "web"
product = "a shop"
versions = "1"
dialects = { sqlite = "run_against" }
[[target]]
name = "session"
table = "web_session"
key = ["id"]
grace = "1h"
columns = { id = "integer", ends_at = { time = "epoch_s" } }
expiries.end = { at = "ends_at" }
[[target.reason]]
name = "expired"
past = ["end"]
"#;
