//! What a run has deleted comes back: as it was, once, and over nothing that is there.

use serde_json::Value;
use tokenkeeper_worker::cleanup::{policy::Policy, site::Secrets};

use crate::{
    applying::{CHILDREN, TOKENS, dead},
    cleaning::{clean_keeping, number, program, restore, verb},
    dump::{dump, rows},
    ground::{Ground, in_zones},
    harness::{databases::Kind, programs::Finished},
    published::{registry, sessions, tokens},
};

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_run_deleted_comes_back_to_the_last_byte_and_once() {
    in_zones(
        &["America/Chicago"],
        &["wso2-token", "wso2-session", "wso2-registry"],
        async |ground, policy| {
            fill(&ground, &policy).await;
            let before = dump(&ground, &policy, "").await;
            let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
            let after = dump(&ground, &policy, "").await;
            let gone = rows(&before) - rows(&after);
            assert!(gone > 3, "{ground}");
            let counted = restore(&ground, &run.id, &["--dry-run"]).run();
            assert_eq!(counted.code, Some(0), "{ground}: {counted:?}");
            assert_eq!(total(&counted, "rows"), gone, "{ground}: {counted:?}");
            assert_eq!(dump(&ground, &policy, "").await, after, "{ground}");
            let done = restore(&ground, &run.id, &[]).run();
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
            assert_eq!(total(&done, "restored"), gone, "{ground}: {done:?}");
            assert_eq!(dump(&ground, &policy, "").await, before, "{ground}");
            assert_eq!(rows(&dump(&ground, &policy, "tokenkeeper_backup_").await), 0, "{ground}");
            let again = restore(&ground, &run.id, &[]).run();
            assert_eq!((again.code, total(&again, "rows")), (Some(0), 0), "{ground}: {again:?}");
            assert_eq!(dump(&ground, &policy, "").await, before, "{ground}");
            let told = verb(&ground, &["history", "--json"]).run();
            let told: Value = serde_json::from_str(&told.stdout).unwrap();
            assert_eq!(
                (&told["status"], &told["restored"]),
                (&"restored".into(), &gone.into()),
                "{told}"
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_makes_by_itself_is_left_to_it() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        let changes = match ground.place.kind {
            Kind::Postgres => "ALTER TABLE IDN_OIDC_REQ_OBJECT_REFERENCE ALTER ID ADD GENERATED ALWAYS AS IDENTITY; \
                ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN ADD made VARCHAR(99) GENERATED ALWAYS AS (TOKEN_STATE || '!') STORED",
            Kind::MySql => "ALTER TABLE IDN_OIDC_REQ_OBJ_CLAIM_VALUES MODIFY ID BIGINT NOT NULL AUTO_INCREMENT; \
                ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN ADD made VARCHAR(99) AS (CONCAT(TOKEN_STATE, '!')) STORED",
            Kind::Sqlite => "ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN ADD made TEXT GENERATED ALWAYS AS (TOKEN_STATE || '!') VIRTUAL",
        };
        fill(&ground, &policy).await;
        ground.execute(changes).await;
        // 0 asks a MySQL table for the next number.
        ground.execute("UPDATE IDN_OIDC_REQ_OBJ_CLAIM_VALUES SET ID = 0 WHERE ID = 1").await;
        let before = dump(&ground, &policy, "").await;
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
        let done = restore(&ground, &run.id, &[]).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(dump(&ground, &policy, "").await, before, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_rows_way_is_told_and_stays_and_the_others_come_back() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        fill(&ground, &policy).await;
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
        let gone = restore(&ground, &run.id, &["--dry-run"]).run();
        let gone = total(&gone, "rows");
        // T5 lives again, under its old key: what belonged to the old one must not become its own.
        ground.execute(REBORN).await;
        let partly = restore(&ground, &run.id, &[]).run();
        assert_eq!(partly.code, Some(3), "{ground}: {partly:?}");
        let told = conflicts(&partly);
        assert_eq!(
            told,
            [("IDN_OAUTH2_ACCESS_TOKEN", "taken", 1), (SCOPES, "orphaned", 2)]
                .map(|(table, why, rows)| (table.to_lowercase(), why.to_owned(), rows)),
            "{ground}: {partly:?}"
        );
        assert_eq!(total(&partly, "restored"), gone - 3, "{ground}: {partly:?}");
        assert_eq!(number(&ground, REBORN_STATE).await, 1, "{ground}");
        assert_eq!(verb(&ground, &["status"]).run().code, Some(3), "{ground}");
        // The cause is mended, and the rest comes.
        ground.execute("DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = 'T5'").await;
        let rest = restore(&ground, &run.id, &[]).run();
        assert_eq!((rest.code, total(&rest, "restored")), (Some(0), 3), "{ground}: {rest:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_parent_is_gone_stays_and_the_others_come_back() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute("INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID) VALUES (7), (8)").await;
        ground.execute(&dead(40)).await;
        ground.execute("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET CONSUMER_KEY_ID = 8").await;
        // MySQL 9.7 looks for no parent where another column of the foreign key's index is NULL.
        ground
            .execute(
                "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET CONSUMER_KEY_ID = 7, AUTHZ_USER = 'u', TENANT_ID = 1, \
                 USER_DOMAIN = 'd', USER_TYPE = 't', TOKEN_SCOPE_HASH = 'h' WHERE TOKEN_ID = 't23'",
            )
            .await;
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
        ground.execute("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 7").await;
        let partly = restore(&ground, &run.id, &[]).run();
        assert_eq!(partly.code, Some(3), "{ground}: {partly:?}");
        assert_eq!(
            conflicts(&partly),
            [("idn_oauth2_access_token".to_owned(), "parent_gone".to_owned(), 1)],
            "{ground}"
        );
        assert_eq!(number(&ground, TOKENS).await, 39, "{ground}: {partly:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_come_back_whole_is_refused_before_anything_is_changed() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        fill(&ground, &policy).await;
        let unknown = restore(&ground, "nobody's", &[]).run();
        assert_eq!(unknown.code, Some(2), "{ground}: {unknown:?}");
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Policy)).await;
        let before = dump(&ground, &policy, "").await;
        for more in [&["--dry-run"][..], &[]] {
            let refused = restore(&ground, &run.id, more).run();
            assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
            let told = refused.stderr.to_lowercase();
            assert!(told.contains("access_token, refresh_token"), "{ground}: {refused:?}");
        }
        assert_eq!(dump(&ground, &policy, "").await, before, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_run_that_is_over_is_restored_and_rows_that_its_backup_has_lost_are_missing() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let (_, run) = clean_keeping(&ground, &policy, Some(Secrets::Keep)).await;
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET status = 'running'").await;
        let refused = restore(&ground, &run.id, &[]).run();
        assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}: {refused:?}");
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET status = 'done'").await;
        ground
            .execute("DELETE FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = 't3'")
            .await;
        let partly = restore(&ground, &run.id, &[]).run();
        assert_eq!(partly.code, Some(3), "{ground}: {partly:?}");
        assert_eq!(report(&partly)["missing"], 1, "{ground}: {partly:?}");
        assert_eq!(number(&ground, TOKENS).await, 8, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_it_can_be_repeated_and_each_row_is_there_once() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        // More than one transaction holds.
        ground.execute(&dead(1200)).await;
        ground
            .execute(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) \
            SELECT TOKEN_ID, 'a' FROM IDN_OAUTH2_ACCESS_TOKEN",
            )
            .await;
        let before = dump(&ground, &policy, "").await;
        for step in ground.share(&STEPS) {
            let done = program(
                &ground,
                &policy,
                &["--apply", "--yes-large", "--secrets", "keep", "--slot", step, "--json"],
            )
            .run();
            assert_eq!(done.code, Some(0), "{ground}, {step}: {done:?}");
            let run = report(&done)["run"].as_str().unwrap().to_owned();
            let killed = restore(&ground, &run, &[]).env("TOKENKEEPER_FAILPOINT", step).run();
            assert_eq!(killed.code, None, "{ground}, {step}: {killed:?}");
            assert_eq!(verb(&ground, &["status"]).run().code, Some(3), "{ground}, {step}");
            let there = rows(&dump(&ground, &policy, "").await)
                + rows(&dump(&ground, &policy, "tokenkeeper_backup_").await);
            assert_eq!(there, 2400, "{ground}, {step}: each row is here or there");
            let rest = restore(&ground, &run, &[]).run();
            assert_eq!(rest.code, Some(0), "{ground}, {step}: {rest:?}");
            assert_eq!(report(&rest)["missing"], 0, "{ground}, {step}: {rest:?}");
            assert!(dump(&ground, &policy, "").await == before, "{ground}, {step}");
        }
    })
    .await;
}

pub async fn fill(ground: &Ground, policy: &Policy) {
    match policy.name.as_str() {
        "wso2-token" => {
            ground.execute(&tokens()).await;
            ground.execute(CHILDREN).await;
        }
        "wso2-session" => {
            ground.execute(&sessions()).await;
            let bytes = BYTES[usize::from(ground.place.kind == Kind::Postgres)];
            ground.execute(&format!("{SESSIONS}{bytes}")).await;
        }
        _ => ground.execute(&registry()).await,
    }
}

pub fn report(done: &Finished) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"))
}

pub fn total(done: &Finished, field: &str) -> u64 {
    let report = report(done);
    report["tables"].as_array().unwrap().iter().map(|table| table[field].as_u64().unwrap()).sum()
}

fn conflicts(done: &Finished) -> Vec<(String, String, u64)> {
    let report = report(done);
    let tables = report["tables"].as_array().unwrap().iter();
    let told = tables.flat_map(|table| {
        let name = table["table"].as_str().unwrap().to_lowercase();
        let conflicts = table["conflicts"].as_object().unwrap().iter();
        conflicts.map(move |(why, rows)| (name.clone(), why.clone(), rows.as_u64().unwrap()))
    });
    told.collect()
}

const SCOPES: &str = "IDN_OAUTH2_ACCESS_TOKEN_SCOPE";
const STEPS: [&str; 3] = ["restore_after_insert", "restore_before_commit", "restore_after_commit"];
const REBORN: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, TIME_CREATED, VALIDITY_PERIOD, \
     TOKEN_STATE, TOKEN_STATE_ID) VALUES ('T5', 'new', '2026-07-01 00:00:00', -1, 'ACTIVE', 'new')";
const REBORN_STATE: &str =
    "SELECT CAST(COUNT(*) AS CHAR(20)) FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN = 'new'";
/// Also bytes that are no text.
const SESSIONS: &str = "INSERT INTO IDN_AUTH_USER_SESSION_MAPPING (USER_ID, SESSION_ID) VALUES \
     ('u', 'two-types'), ('u', 'ended'), ('v', 'ended'), (NULL, 'ended-alone'), ('u', 'alive'), ('u', 'unknown'); \
     INSERT INTO IDN_AUTH_SESSION_META_DATA (SESSION_ID, PROPERTY_TYPE, VALUE_) VALUES ('ended', 'a', 'ä\t '), ('alive', 'b', ''); \
     UPDATE IDN_AUTH_SESSION_STORE SET SESSION_OBJECT = ";
const BYTES: [&str; 2] = ["X'00FF27C328'", "CAST(E'\\\\x00FF27C328' AS bytea)"];
