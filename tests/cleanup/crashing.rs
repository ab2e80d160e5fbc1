//! The database's server dies: what PostgreSQL need not have on its disk while a run goes on, and what it must.

use std::process::Command;

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::{Policy, shipped};

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{number, program},
    ground::Ground,
    harness::{
        databases::{Database, Kind},
        servers::Server,
    },
    tables::tables,
};

/// A server whose log reaches the disk by nothing but commits that wait for it, and a product's dead rows.
struct Place {
    ground: Ground,
    policy: Policy,
    server: Server,
}

impl Place {
    async fn start() -> Self {
        let server = Server::start(Kind::Postgres.product());
        let ground = Ground { zone: "UTC", place: Database::on(&server, Kind::Postgres) };
        ground.execute(&tables(Kind::Postgres, "wso2-token")).await;
        let policy = shipped().unwrap()["wso2-token"].clone();
        ground.execute(&dead(ROWS)).await;
        let place = Self { ground, policy, server };
        place.holds_its_writer();
        place
    }

    /// Who writes the log behind commits' backs does nothing from now on.
    fn holds_its_writer(&self) {
        let writer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
        let writer = self.server.execute("postgres", writer);
        let held = Command::new("kill").args(["-STOP", writer.trim()]).status().unwrap();
        assert!(held.success());
    }

    /// The server dies and comes back; nobody waits for the lease of who has died with it.
    async fn crashes(&self) {
        self.server.restart();
        self.ground.execute("UPDATE tokenkeeper_cleanup_runs SET lease_until = 0").await;
    }

    async fn tokens(&self) -> i64 {
        number(&self.ground, TOKENS).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_has_told_outlasts_its_server() {
    let place = Place::start().await;
    let done = program(&place.ground, &place.policy, &["--apply", "--yes-large"]).run();
    assert_eq!(done.code, Some(0), "{done:?}");
    place.crashes().await;
    assert_eq!(place.tokens().await, 0);
    assert_eq!(number(&place.ground, BACKED_UP).await, i64::try_from(ROWS).unwrap());
    assert_eq!(
        number(
            &place.ground,
            "SELECT COUNT(*)::text FROM tokenkeeper_cleanup_runs WHERE status = 'done'"
        )
        .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_died_with_the_server_are_done_again() {
    let place = Place::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file={}", folder.path().join("backup").display());
    for (slot, backup) in [("tables", "table"), ("file", &file)] {
        let wish = ["--apply", "--yes-large", "--json", "--slot", slot, "--backup", backup];
        let killed = program(&place.ground, &place.policy, &wish);
        let killed = killed.env("TOKENKEEPER_FAILPOINT", "cleanup_after_commit").run();
        assert_eq!(killed.code, None, "{killed:?}");
        let rows = i64::try_from(ROWS).unwrap();
        assert!(place.tokens().await < rows, "{slot}: a batch has ended");
        place.crashes().await;
        assert_eq!(place.tokens().await, rows, "{slot}: it was on no disk");
        let next = program(&place.ground, &place.policy, &wish).run();
        assert_eq!(next.code, Some(0), "{slot}: {next:?}");
        let report: Value = serde_json::from_str(&next.stdout).unwrap();
        let target = &report["targets"][0];
        assert_eq!(
            (report["slot"].as_str(), target["deleted"].as_i64()),
            (Some(slot), Some(rows)),
            "{report}"
        );
        let verified = &target["verified"];
        assert_eq!(
            (&verified["backed_up"], &verified["judged"], &verified["misjudged"]),
            (&rows.into(), &rows.into(), &0.into()),
            "{report}"
        );
        assert_eq!(place.tokens().await, 0, "{slot}");
        place.ground.execute(&dead(ROWS)).await;
        place.holds_its_writer();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_wait_for_standbys_as_the_product_does() {
    let place = Place::start().await;
    let name = place.ground.place.name();
    // What is in force while a batch deletes.
    let noted = format!(
        "ALTER DATABASE {name} SET synchronous_commit = 'local'; CREATE TABLE noted (setting text PRIMARY KEY); \
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO noted \
         VALUES (current_setting(''synchronous_commit'')) ON CONFLICT DO NOTHING; RETURN NULL; END'; \
         CREATE TRIGGER note AFTER DELETE ON IDN_OAUTH2_ACCESS_TOKEN EXECUTE FUNCTION note()"
    );
    place.ground.execute(&noted).await;
    for (standbys, setting) in [("", "off"), ("nobody", "local")] {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'");
        place.server.execute(name, &set);
        place.server.execute(name, "SELECT pg_reload_conf()");
        let done =
            program(&place.ground, &place.policy, &["--apply", "--yes-large", "--slot", setting])
                .run();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(
            place.server.execute(name, "DELETE FROM noted RETURNING setting").trim(),
            setting
        );
        place.ground.execute(&dead(ROWS)).await;
    }
}

const ROWS: usize = 3_000;
