//! What a run deletes, and what it does not touch: the rows that published clean-ups misjudge, in each zone.

use std::collections::BTreeSet;

use tokenkeeper_worker::cleanup::{drive::Ended, policy::Policy, progress::Tally};

use crate::{
    cleaning::{clean, column, number, program, restore, rows},
    comparison::Comparison,
    ground::{Ground, in_each_zone, in_zones},
    harness::{
        databases::{Database, Kind},
        programs::Program,
    },
    published::{ed_fi, ed_fi_id, registry, sessions, tokens},
};

#[tokio::test(flavor = "multi_thread")]
async fn of_wso2s_tokens_exactly_the_dead_go_with_their_children_and_the_backup_has_them() {
    let comparison = Comparison::new();
    in_each_zone(&["wso2-token"], async |ground, policy| {
        ground.execute(&tokens()).await;
        ground.execute(CHILDREN).await;
        comparison.before(&ground, &policy).await;
        let table = "IDN_OAUTH2_ACCESS_TOKEN";
        let gone = ["T5", "T9", "TZ"];
        let children = "IDN_OIDC_REQ_OBJ_CLAIM_VALUES";
        only(&ground, &policy, table, "token_id", &gone).await;
        assert_eq!(column(&rows(&ground, &policy, children).await, "id"), ["2"], "{ground}");
        let kept = rows(&ground, &policy, &format!("tokenkeeper_backup_{table}")).await;
        // The SHA-256 of "aT5": the backup is no bearer token, on no database.
        let hash = "2f2fb21925166088f1a2f3ff4305d57ee3edbe7f8f46e7fdcfa5bfd2779a3bfb";
        assert!(column(&kept, "access_token").contains(&hash.to_owned()), "{ground}: {kept:?}");
        let mut reasons = column(&kept, "tokenkeeper_reason");
        reasons.sort();
        assert_eq!(reasons, ["expired", "expired", "revoked"], "{ground}");
        let values = rows(&ground, &policy, &format!("tokenkeeper_backup_{children}")).await;
        assert_eq!(column(&values, "id"), ["1"], "{ground}");
        let scopes = rows(&ground, &policy, "IDN_OAUTH2_ACCESS_TOKEN_SCOPE").await;
        assert_eq!(column(&scopes, "token_id"), ["T1"], "{ground}");
        let codes = rows(&ground, &policy, "IDN_OAUTH2_AUTHORIZATION_CODE").await;
        assert_eq!(column(&codes, "code_id"), ["C1", "C3"], "{ground}");
        comparison.after(&ground, &policy).await;
    })
    .await;
    comparison.assert_told();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sessions_the_ended_go_markers_last_and_what_belongs_to_none_any_more() {
    let comparison = Comparison::new();
    in_each_zone(&["wso2-session"], async |ground, policy| {
        ground.execute(&sessions()).await;
        comparison.before(&ground, &policy).await;
        let mapping = "IDN_AUTH_USER_SESSION_MAPPING";
        ground.execute("INSERT INTO IDN_AUTH_USER_SESSION_MAPPING (USER_ID, SESSION_ID) VALUES \
            ('u', 'two-types'), ('u', 'ended'), ('u', 'ended-alone'), ('u', 'alive'), ('u', 'unknown')").await;
        let (ended, run) = clean(&ground, &policy).await;
        assert_eq!(ended, Ended::Done, "{ground}: {:#?}", run.progress);
        let left = rows(&ground, &policy, "IDN_AUTH_SESSION_STORE").await;
        let left: Vec<_> = left
            .iter()
            .map(|row| format!("{} {} {}", row["session_id"], row["session_type"], row["operation"]))
            .collect();
        let stay = [
            "begun-again app DELETE",
            "alive app STORE",
            "begun-again app STORE",
            "ended-now app DELETE",
            "ended-now app STORE",
            "two-types idp STORE",
        ];
        assert_eq!(left.iter().collect::<BTreeSet<_>>().len(), stay.len(), "{ground}: {left:?}");
        assert!(stay.iter().all(|row| left.iter().any(|left| left == row)), "{ground}: {left:?}");
        let mapped = column(&rows(&ground, &policy, mapping).await, "session_id");
        assert_eq!(mapped, ["alive", "two-types", "unknown"], "{ground}");
        assert!(run.progress.targets.iter().all(Tally::is_verified), "{ground}: {run:#?}");
        comparison.after(&ground, &policy).await;
    })
    .await;
    comparison.assert_told();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_registry_and_of_ed_fi_exactly_the_dead_go() {
    let comparison = Comparison::new();
    in_each_zone(&["wso2-registry", "edfi-ods"], async |ground, policy| {
        if policy.name == "wso2-registry" {
            ground.execute(&registry()).await;
            comparison.before(&ground, &policy).await;
            only(&ground, &policy, "REG_LOG", "reg_log_id", &["1", "4"]).await;
            let left = rows(&ground, &policy, "REG_RESOURCE").await;
            let left: BTreeSet<_> = column(&left, "reg_version").into_iter().collect();
            assert_eq!(left, ["11", "12", "13"].map(str::to_owned).into(), "{ground}");
        } else {
            ground.execute(&ed_fi(&policy)).await;
            comparison.before(&ground, &policy).await;
            let gone = [ed_fi_id(2), ed_fi_id(4)];
            let gone = gone.each_ref().map(String::as_str);
            only(&ground, &policy, "ClientAccessTokens", "id", &gone).await;
        }
        comparison.after(&ground, &policy).await;
    })
    .await;
    comparison.assert_told();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_table_reaches_zero_and_a_large_one_needs_a_yes() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(99)).await;
        let done = program(&ground, &policy, &["--apply", "--slot", "one"]).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        ground.execute(&dead(1000)).await;
        let refused = program(&ground, &policy, &["--apply", "--slot", "two"]).run();
        assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
        assert!(refused.stderr.contains("--yes-large"), "{ground}: {refused:?}");
        assert_eq!(number(&ground, TOKENS).await, 1000, "{ground}");
        let some = ["--apply", "--slot", "two", "--yes-large", "--max-rows", "7"];
        let some = program(&ground, &policy, &some).run();
        assert_eq!(some.code, Some(3), "{ground}: {some:?}");
        assert_eq!(number(&ground, TOKENS).await, 993, "{ground}");
        let none = ["--apply", "--slot", "three", "--yes-large", "--run-time", "0s"];
        assert_eq!(program(&ground, &policy, &none).run().code, Some(3), "{ground}");
        assert_eq!(number(&ground, TOKENS).await, 993, "{ground}");
        let all = ["--apply", "--slot", "four", "--yes-large", "--backup", "none", "--json"];
        let all = program(&ground, &policy, &all).run();
        assert_eq!(all.code, Some(0), "{ground}: {all:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        let report: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
        assert_eq!(
            (&report["version"], &report["status"]),
            (&1.into(), &"done".into()),
            "{report}"
        );
        assert_eq!(report["targets"][0]["deleted"], 993, "{ground}: {report}");
        assert_eq!(number(&ground, BACKED_UP).await, 99 + 7, "{ground}");
        let told = history(&ground, "history");
        assert_eq!(told.lines().count(), 4, "{ground}: {told}");
        assert!(history(&ground, "status").contains("993 rows"), "{ground}");
    })
    .await;
}

/// A user of MySQL may be at home in one database and clean another.
#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_policy_may_name_another_database_of_the_server() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, mut policy| {
        if ground.place.kind != Kind::MySql {
            return;
        }
        let home = Ground { zone: ground.zone, place: Database::fresh(Kind::MySql) };
        ground.execute(&dead(3)).await;
        let name = ground.place.name();
        policy.targets.iter_mut().for_each(|target| target.schema = Some(name.parse().unwrap()));
        let all = ["--apply", "--slot", "s", "--secrets", "keep", "--json"];
        let done = program(&home, &policy, &all).run();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{done:?}");
        assert_eq!(number(&ground, BACKED_UP).await, 3, "{done:?}");
        let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        let back = restore(&home, report["run"].as_str().unwrap(), &[]).run();
        assert_eq!(back.code, Some(0), "{back:?}");
        assert_eq!(number(&ground, TOKENS).await, 3, "{back:?}");
    })
    .await;
}

fn history(ground: &Ground, verb: &str) -> String {
    let mut program = Program::worker()
        .env("TOKENKEEPER_CLEANUP_DATABASE_URL", &ground.place.url)
        .args(["cleanup", verb]);
    let told = program.run();
    assert_eq!(told.code, Some(0), "{ground}: {told:?}");
    told.stdout
}

/// Cleans; exactly those rows of the table are gone, in the backup, and judged again; all others are as
/// they were, to the last byte.
async fn only(ground: &Ground, policy: &Policy, table: &str, key: &str, gone: &[&str]) {
    let mut expected = rows(ground, policy, table).await;
    let before = expected.len();
    expected.retain(|row| !gone.contains(&row[key].as_str()));
    assert_eq!(before - expected.len(), gone.len(), "{ground}");
    let (ended, run) = clean(ground, policy).await;
    assert_eq!(ended, Ended::Done, "{ground}: {:#?}", run.progress);
    assert_eq!(rows(ground, policy, table).await, expected, "{ground}");
    let kept = rows(ground, policy, &format!("tokenkeeper_backup_{table}")).await;
    assert_eq!(kept.len(), gone.len(), "{ground}: {kept:?}");
    for tally in &run.progress.targets {
        let verified = tally.verified.as_ref().unwrap();
        assert_eq!(verified.backed_up, tally.deleted_in_all(), "{ground}: {tally:?}");
        assert_eq!(
            (verified.judged, verified.misjudged),
            (tally.deleted, 0),
            "{ground}: {tally:?}"
        );
    }
}

/// Tokens that have been dead for years.
pub fn dead(number: usize) -> String {
    let row = |number| {
        format!("('t{number}', 'a', NULL, '2020-01-01 00:00:00', 1000, 'ACTIVE', '{number}')")
    };
    let rows: Vec<_> = (0..number).map(row).collect();
    format!(
        "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TIME_CREATED, VALIDITY_PERIOD, \
         TOKEN_STATE, TOKEN_STATE_ID) VALUES {}",
        rows.join(", ")
    )
}

pub const TOKENS: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM IDN_OAUTH2_ACCESS_TOKEN";
pub const BACKED_UP: &str =
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN";

pub const CHILDREN: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) VALUES ('T5', 'a'), ('T5', 'b'), ('T1', 'a'); \
     INSERT INTO IDN_OIDC_REQ_OBJECT_REFERENCE (ID, TOKEN_ID) VALUES (1, 'T9'), (2, 'T1'); \
     INSERT INTO IDN_OIDC_REQ_OBJECT_CLAIMS (ID, REQ_OBJECT_ID) VALUES (1, 1), (2, 2); \
     INSERT INTO IDN_OIDC_REQ_OBJ_CLAIM_VALUES (ID, REQ_OBJECT_CLAIMS_ID) VALUES (1, 1), (2, 2)";
