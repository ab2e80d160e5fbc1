//! The cleaner dies at each step, and another one takes the run up.

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{number, program},
    ground::in_zones,
};

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_a_run_is_taken_up_and_nothing_is_lost() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        for (slot, step) in (1..).zip(ground.share(&STEPS)) {
            ground.execute(&dead(1200)).await;
            let slot = slot.to_string();
            let arguments = ["--apply", "--yes-large", "--slot", &slot];
            let killed =
                program(&ground, &policy, &arguments).env("TOKENKEEPER_FAILPOINT", step).run();
            assert_eq!(killed.code, None, "{ground}, {step}: {killed:?}");
            let waits = program(&ground, &policy, &arguments).run();
            assert_eq!(waits.code, Some(0), "{ground}, {step}: {waits:?}");
            assert!(waits.stdout.contains("is being cleaned by"), "{ground}, {step}: {waits:?}");
            let there = number(&ground, TOKENS).await + number(&ground, BACKED_UP).await;
            assert_eq!(there, 1200, "{ground}, {step}: each row is here or there");
            // What five minutes would do.
            ground.execute("UPDATE tokenkeeper_cleanup_runs SET lease_until = 0").await;
            // Whatever slot the next runner has.
            let next =
                program(&ground, &policy, &["--apply", "--yes-large", "--slot", "later", "--json"])
                    .run();
            assert_eq!(next.code, Some(0), "{ground}, {step}: {next:?}");
            let report: serde_json::Value = serde_json::from_str(&next.stdout).unwrap();
            assert_eq!(report["slot"], slot.as_str(), "{ground}, {step}: {report}");
            assert_eq!(report["targets"][0]["deleted"], 1200, "{ground}, {step}: {report}");
            assert_eq!(number(&ground, TOKENS).await, 0, "{ground}, {step}");
            assert_eq!(number(&ground, BACKED_UP).await, 1200, "{ground}, {step}");
            ground.execute("DELETE FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN").await;
        }
    })
    .await;
}

const STEPS: [&str; 5] = [
    "cleanup_before_select",
    "cleanup_after_children",
    "cleanup_after_delete",
    "cleanup_before_commit",
    "cleanup_after_commit",
];
