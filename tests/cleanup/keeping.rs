//! What backups keep of token columns.

use crate::{
    applying::{TOKENS, dead},
    cleaning::{column, number, program, rows},
    ground::in_zones,
};

#[tokio::test(flavor = "multi_thread")]
async fn backups_keep_values_hashes_or_nothing_as_it_is_said() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        for (at, (secrets, kept)) in (0..).zip(KEPT) {
            ground.execute(&dead(1)).await;
            let slot = format!("slot-{at}");
            let done =
                program(&ground, &policy, &["--apply", "--secrets", secrets, "--slot", &slot])
                    .run();
            assert_eq!(done.code, Some(0), "{ground}, {secrets}: {done:?}");
            let found = rows(&ground, &policy, BACKUP).await;
            assert_eq!(column(&found, "access_token"), [kept], "{ground}, {secrets}");
            ground.execute("DELETE FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN").await;
        }
        ground.execute("DROP TABLE tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN").await;
        ground.execute(&dead(1)).await;
        let done =
            program(&ground, &policy, &["--apply", "--secrets", "drop", "--slot", "drop"]).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        let found = rows(&ground, &policy, BACKUP).await;
        assert!(!found[0].contains_key("access_token"), "{ground}: {found:?}");
        // Whether there was a token is looked at when rows are judged again.
        assert!(found[0].contains_key("refresh_token"), "{ground}: {found:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_table_of_another_form_is_refused_before_a_row_is_deleted() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1)).await;
        // SQLite's text has no length.
        let hashes = "CREATE TABLE tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN AS SELECT t.*, 0 AS \
            tokenkeeper_run FROM IDN_OAUTH2_ACCESS_TOKEN t WHERE 1 = 0; \
            ALTER TABLE tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN DROP COLUMN ACCESS_TOKEN; \
            ALTER TABLE tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN ADD COLUMN ACCESS_TOKEN NUMERIC(9)";
        ground.execute(hashes).await;
        for secrets in ["keep", "hash"] {
            let refused =
                program(&ground, &policy, &["--apply", "--secrets", secrets, "--slot", "s"]).run();
            assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
            assert!(refused.stderr.contains("rename it"), "{ground}: {refused:?}");
            assert!(!refused.stderr.contains("address"), "{ground}: {refused:?}");
            assert_eq!(number(&ground, TOKENS).await, 1, "{ground}: {refused:?}");
        }
        ground.execute("ALTER TABLE tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN RENAME TO earlier").await;
        let done = program(&ground, &policy, &["--apply", "--secrets", "keep", "--slot", "s"]).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}: {done:?}");
    })
    .await;
}

const BACKUP: &str = "tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN";
/// The last two go into a table that was made for values: SHA-256 of "a".
const KEPT: [(&str, &str); 3] = [
    ("keep", "a"),
    ("hash", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("policy", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
];
