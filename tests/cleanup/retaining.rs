//! Old backups: given up whole, by their run's end, and never those that somebody may need.

use serde_json::Value;

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{number, program, restore, verb},
    dump::dump,
    ground::{Ground, in_zones},
    restoring::report,
};

#[tokio::test(flavor = "multi_thread")]
async fn backups_of_runs_that_ended_long_ago_go_and_all_others_stay() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        let mut runs = Vec::new();
        for (slot, rows) in [("old", 4), ("young", 3), ("failed", 2), ("cut-off", 1)] {
            ground.execute(&dead(rows)).await;
            if slot == "old" {
                ground.execute(SCOPES).await;
            }
            let arguments = ["--apply", "--secrets", "keep", "--slot", slot, "--json"];
            let done = program(&ground, &policy, &arguments).run();
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
            runs.push(report(&done)["run"].as_str().unwrap().to_owned());
        }
        age(&ground, "slot <> 'young'").await;
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET status = 'failed' WHERE slot = 'failed'").await;
        ground
            .execute("UPDATE tokenkeeper_cleanup_runs SET status = 'running', ended_at = NULL WHERE slot = 'cut-off'")
            .await;
        let before = dump(&ground, &policy, "tokenkeeper_backup_").await;
        let shown = prune(&ground, &[]);
        // Of the tokens and their scopes; the failed run's are shown, and stay.
        assert_eq!(rows(&shown, "rows"), [8, 2], "{ground}: {shown}");
        assert_eq!(dump(&ground, &policy, "tokenkeeper_backup_").await, before, "{ground}");
        assert_eq!(rows(&prune(&ground, &["--apply", "--policy", "another"]), "rows"), [0; 0]);
        let done = prune(&ground, &["--apply"]);
        assert_eq!(rows(&done, "given_up"), [8, 0], "{ground}: {done}");
        assert_eq!(number(&ground, BACKED_UP).await, 3 + 2 + 1, "{ground}: {done}");
        assert_eq!(rows(&prune(&ground, &["--apply"]), "rows"), [2], "{ground}");
        let refused = restore(&ground, &runs[0], &[]).run();
        assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
        assert!(refused.stderr.contains("given up on 20"), "{ground}: {refused:?}");
        let history = verb(&ground, &["history"]).run().stdout;
        assert_eq!(history.matches("backup given up at 20").count(), 1, "{ground}: {history}");
        let back = restore(&ground, &runs[1], &[]).run();
        assert_eq!(back.code, Some(0), "{ground}: {back:?}");
        assert_eq!(number(&ground, TOKENS).await, 3, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_is_repeated_when_it_was_killed_and_waits_for_a_restore() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1200)).await;
        let arguments = ["--apply", "--yes-large", "--secrets", "keep", "--slot", "one"];
        assert_eq!(program(&ground, &policy, &arguments).run().code, Some(0), "{ground}");
        age(&ground, "1 = 1").await;
        let killed = verb(&ground, &ARGUMENTS).args(["--apply"]);
        let killed = killed.env("TOKENKEEPER_FAILPOINT", "retention_after_commit").run();
        assert_eq!(killed.code, None, "{ground}: {killed:?}");
        let left = number(&ground, BACKED_UP).await;
        assert!((1..1200).contains(&left), "{ground}: {left}");
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET status = 'restoring'").await;
        let kept = prune(&ground, &["--apply"]);
        assert_eq!(kept["runs"][0]["is_kept"], true, "{ground}: {kept}");
        assert_eq!(number(&ground, BACKED_UP).await, left, "{ground}");
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET status = 'restored_partly'").await;
        let rest = prune(&ground, &["--apply"]);
        assert_eq!(rows(&rest, "given_up"), [left.unsigned_abs()], "{ground}: {rest}");
        assert_eq!(number(&ground, BACKED_UP).await, 0, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gives_up_the_old_backups_of_its_policy_alone() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        for (slot, more, held) in [
            ("one", &[][..], 2),
            ("another-policys", &[], 4),
            // One is of the run itself.
            ("two", &["--keep-backups", "90d"], 4),
        ] {
            ground.execute(&dead(2)).await;
            let arguments = [&["--apply", "--json", "--slot", slot], more].concat();
            let done = program(&ground, &policy, &arguments).run();
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
            assert_eq!(report(&done)["status"], "done", "{ground}: {done:?}");
            assert_eq!(number(&ground, BACKED_UP).await, held, "{ground}, {slot}: {done:?}");
            age(&ground, "1 = 1").await;
            ground
                .execute("UPDATE tokenkeeper_cleanup_runs SET policy = 'other' WHERE slot = 'another-policys'")
                .await;
        }
    })
    .await;
}

async fn age(ground: &Ground, whose: &str) {
    let sql = format!("UPDATE tokenkeeper_cleanup_runs SET ended_at = 1000 WHERE {whose}");
    ground.execute(&sql).await;
}

fn prune(ground: &Ground, more: &[&str]) -> Value {
    let done = verb(ground, &ARGUMENTS).args(["--json"]).args(more).run();
    assert_eq!(done.code, Some(0), "{ground}: {done:?}");
    report(&done)
}

fn rows(report: &Value, field: &str) -> Vec<u64> {
    let runs = report["runs"].as_array().unwrap().iter();
    runs.map(|run| run[field].as_u64().unwrap()).collect()
}

const ARGUMENTS: [&str; 3] = ["prune-backups", "--older-than", "90d"];
const SCOPES: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) \
     SELECT TOKEN_ID, 'a' FROM IDN_OAUTH2_ACCESS_TOKEN";
