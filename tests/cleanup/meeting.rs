//! Others are at the same tables: more cleaners, and the product itself.

use std::path::Path;

use tokenkeeper_worker::cleanup::site::Secrets;

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{clean_keeping, number, program, restore},
    ground::in_zones,
    harness::{databases::Kind, programs::Program, wait},
};

#[tokio::test(flavor = "multi_thread")]
async fn eight_runners_on_one_slot_are_one_run() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(99)).await;
        let mut programs: Vec<_> = (0..8)
            .map(|_| program(&ground, &policy, &["--apply", "--slot", "s", "--json"]))
            .collect();
        let running: Vec<_> = programs.iter_mut().map(Program::spawn).collect();
        let mut ran = 0;
        for finished in running {
            let done = finished.wait();
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
            let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
            ran += i32::from(report["is_another"] == false);
        }
        assert_eq!(ran, 1, "{ground}");
        assert_eq!(number(&ground, RUNS).await, 1, "{ground}");
        assert_eq!(number(&ground, BACKED_UP).await, 99, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_to_life_between_select_and_delete_survives_with_its_children() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        // SQLite's cleaner holds the one write lock meanwhile.
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(CODES).await;
        let held = tempfile::tempdir().unwrap();
        let mut cleaner = program(&ground, &policy, &["--apply", "--slot", "s"])
            .env("TOKENKEEPER_FAILPOINT", "cleanup_after_select")
            .env("TOKENKEEPER_FAILPOINT_HOLD", held.path());
        let running = cleaner.spawn();
        is_held(held.path());
        // The code's token comes, so the code must stay as evidence.
        ground.execute(TOKEN).await;
        go(held.path());
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, LEFT).await, 1, "{ground}: {done:?}");
        assert_eq!(number(&ground, SCOPES).await, 1, "{ground}: {done:?}");
        assert_eq!(number(&ground, KEPT_CODES).await, 1, "{ground}: {done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleaner_that_was_frozen_for_longer_than_its_lease_deletes_nothing() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(&dead(20)).await;
        let held = tempfile::tempdir().unwrap();
        let mut frozen = program(&ground, &policy, &["--apply", "--slot", "s", "--json"])
            .env("TOKENKEEPER_FAILPOINT", "cleanup_after_select")
            .env("TOKENKEEPER_FAILPOINT_HOLD", held.path());
        let running = frozen.spawn();
        is_held(held.path());
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET lease_until = 0").await;
        // The other one finds the rows locked, and says so.
        let other = program(&ground, &policy, &["--apply", "--slot", "t", "--json"]).run();
        assert_eq!(other.code, Some(3), "{ground}: {other:?}");
        let report: serde_json::Value = serde_json::from_str(&other.stdout).unwrap();
        assert_eq!(report["targets"][0]["left"], 20, "{ground}: {report}");
        go(held.path());
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 20, "{ground}: {done:?}");
        let next = program(&ground, &policy, &["--apply", "--slot", "u"]).run();
        assert_eq!(next.code, Some(0), "{ground}: {next:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_a_cleaner_ends_after_the_batch() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1200)).await;
        let held = tempfile::tempdir().unwrap();
        let mut cleaner = program(&ground, &policy, &["--apply", "--slot", "s", "--yes-large"])
            .env("TOKENKEEPER_FAILPOINT", "cleanup_after_select")
            .env("TOKENKEEPER_FAILPOINT_HOLD", held.path());
        let running = cleaner.spawn();
        is_held(held.path());
        running.signal("TERM");
        running.complains("stopping", 1);
        go(held.path());
        let done = running.wait();
        let left = number(&ground, TOKENS).await;
        assert_eq!(number(&ground, BACKED_UP).await, 1200 - left, "{ground}");
        // PostgreSQL's first window holds all of them.
        let code = if left == 0 { 0 } else { 3 };
        assert!([Some(0), Some(3)].contains(&done.code), "{ground}, {code}: {done:?}");
        assert!(left < 1200, "{ground}: {done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_bring_the_same_run_back_bring_each_row_once_and_know_of_no_conflict() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        // SQLite has one writer.
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(&dead(1)).await;
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
        let held = tempfile::tempdir().unwrap();
        let mut first = restore(&ground, &run.id, &[])
            .env("TOKENKEEPER_FAILPOINT", "restore_before_delete")
            .env("TOKENKEEPER_FAILPOINT_HOLD", held.path());
        let first = first.spawn();
        is_held(held.path());
        let mut second = restore(&ground, &run.id, &[]);
        let mut second = second.spawn();
        let waits = WAITS[usize::from(ground.place.kind == Kind::MySql)];
        while number(&ground, waits).await == 0 {
            assert!(!second.has_ended(), "{ground}: it did not wait");
            // MariaDB looks anew only when nobody has asked for a tenth of a second.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        go(held.path());
        for done in [first.wait(), second.wait()] {
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        }
        assert_eq!(number(&ground, TOKENS).await, 1, "{ground}");
        assert_eq!(number(&ground, RESTORED).await, 1, "{ground}");
    })
    .await;
}

/// Waits until a program is held at its failpoint.
pub fn is_held(folder: &Path) {
    let held = wait::until(LIMIT, || folder.join("held").exists().then_some(()));
    assert!(held.is_some(), "the cleaner did not come to the point");
}

fn go(folder: &Path) {
    std::fs::write(folder.join("go"), "").unwrap();
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
const RUNS: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_cleanup_runs";
/// Sessions that wait for a row.
const WAITS: [&str; 2] = [
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
];
const RESTORED: &str = "SELECT CAST(restored AS CHAR(20)) FROM tokenkeeper_cleanup_runs";
const LEFT: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM IDN_OAUTH2_AUTHORIZATION_CODE";
const SCOPES: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM IDN_OIDC_REQ_OBJECT_REFERENCE";
const KEPT_CODES: &str =
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_backup_IDN_OAUTH2_AUTHORIZATION_CODE";
const CODES: &str = "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE (CODE_ID, STATE, TIME_CREATED, VALIDITY_PERIOD, TOKEN_ID) VALUES \
     ('c1', 'ACTIVE', '2020-01-01 00:00:00', 1000, 'here'), ('c2', 'ACTIVE', '2020-01-01 00:00:00', 1000, NULL); \
     INSERT INTO IDN_OIDC_REQ_OBJECT_REFERENCE (ID, CODE_ID) VALUES (1, 'c1'), (2, 'c2')";
const TOKEN: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, TIME_CREATED, VALIDITY_PERIOD, TOKEN_STATE) \
     VALUES ('here', 'a', '2020-01-01 00:00:00', -1, 'ACTIVE')";
