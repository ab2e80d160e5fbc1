//! When a worker ran last, in the metrics: for an alert on a timer that has stopped.

use std::{net::TcpStream, time::Duration};

use tokenkeeper_shared::clock;

use super::stage::{HOUR, Server, Stage, path};
use crate::harness::{
    databases::{Kind, each},
    keeper::free_port,
    servers::postgres,
    wait,
};

#[test]
fn metrics_tell_when_a_worker_has_run_last_though_nothing_was_due() {
    for kind in each() {
        let stage = Stage::on(kind);
        let key = stage.new_key("all", &["--token", "*"]);
        let server = stage.serve(&[]);
        assert_eq!(told(&server, &key), None, "{kind}: nothing has run");
        run_idly(&stage);
        let first = told(&server, &key).expect("a run is told");
        let stored = stage.with_store(async |store| store.last_run().await.unwrap().unwrap());
        let millis = stored.timestamp_millis();
        assert_eq!(first, format!("{}.{:03}", millis / 1000, millis % 1000), "{kind}");
        run_idly(&stage);
        assert!(told(&server, &key).unwrap() > first, "{kind}");
    }
}

#[test]
fn who_may_not_read_of_runs_gets_the_other_metrics() {
    let stage = Stage::on(Kind::Postgres);
    stage.keep("edfi", HOUR);
    run_idly(&stage);
    let database = stage.url.rsplit('/').next().unwrap();
    let role = "CREATE ROLE metrics_reader LOGIN; \
                GRANT SELECT ON tokens, token_events, _sqlx_migrations TO metrics_reader";
    postgres().execute(database, role);
    let key = stage.new_key("all", &["--token", "*"]);
    let reader = stage.url.replace("postgres@", "metrics_reader@");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let serve = stage.consumer(&["serve", "--listen", &listen]);
    let running = serve.env("TOKENKEEPER_DATABASE_URL", &reader).spawn();
    let server = Server { running: Some(running), port };
    wait::until(LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
    assert_eq!(told(&server, &key), None);
    let body = server.get("/metrics", &key).body;
    for line in ["tokenkeeper_database_up 1", "tokenkeeper_token_generation{name=\"edfi\"} 1"] {
        assert!(body.lines().any(|told| told == line), "{line}: {body}");
    }
}

/// A worker's run that finds nothing due: its one token's time comes tomorrow.
fn run_idly(stage: &Stage) {
    stage.with_store(async |store| {
        let tomorrow = clock::after(store.time().await.unwrap().now(), 24 * HOUR);
        store.enrol(&"idle".parse().unwrap(), "oauth2", tomorrow).await.unwrap();
    });
    let file = stage.write("worker.toml", CONFIGURATION);
    let run = stage.worker(&["run", "--config", path(&file)]).run();
    assert_eq!((run.code, &*run.stdout), (Some(0), ""), "{run:?}");
}

/// The seconds that the metrics tell.
fn told(server: &Server, key: &str) -> Option<String> {
    let body = server.get("/metrics", key).body;
    let mut lines = body.lines();
    let value = lines.find_map(|line| line.strip_prefix("tokenkeeper_last_run_timestamp_seconds "));
    value.map(str::to_owned)
}

const CONFIGURATION: &str = "[tokens.idle]\nprovider = \"oauth2\"\ngrant = \"client_credentials\"\n\
    token_url = \"http://127.0.0.1:9/token\"\nclient_id = \"idle\"\nclient_secret = { env = \"PATH\" }\n";

const LIMIT: Duration = Duration::from_secs(20);
