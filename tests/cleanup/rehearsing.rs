//! A clean-up on a copy: what it tells, what it leaves, and what it does not touch.

use std::collections::BTreeSet;

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    applying::{BACKED_UP, CHILDREN, TOKENS, dead},
    cleaning::{number, prepared, program},
    copies::{COPIES, copies, crowd, drop_copy, is_there, of_copy, state},
    ground::{Ground, in_zones},
    harness::{
        databases::Kind,
        programs::{Finished, Program},
        servers::{mysql, postgres},
    },
    published::tokens,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_deletes_what_a_run_would_and_nothing_but_on_its_copy() {
    let _alone = COPIES.lock().await;
    in_zones(&["America/Chicago"], &["wso2-token"], async |ground, policy| {
        fill(&ground).await;
        let before = state(&ground);
        let mut ways = BTreeSet::new();
        for is_crowded in [false, true] {
            let crowd = if is_crowded { crowd(&ground).await } else { None };
            let done = rehearse(&ground, &policy, &[]).run();
            drop(crowd);
            let report = report(&ground, &done);
            assert_eq!(state(&ground), before, "{ground}: {report}");
            assert!(!is_there(&ground, &name(&report)), "{ground}: {report}");
            let tokens = &report["policies"][0]["targets"][0];
            assert_eq!(tokens["rows"], number(&ground, TOKENS).await, "{ground}: {report}");
            assert_eq!(tokens["doomed"], tokens["deleted"], "{ground}: {report}");
            assert_eq!(tokens["verified"]["misjudged"], 0, "{ground}: {report}");
            assert!(
                report["copy"]["rows"].as_u64() > tokens["rows"].as_u64(),
                "{ground}: {report}"
            );
            assert!(report["copy"]["size_bytes"].as_u64() > Some(0), "{ground}: {report}");
            ways.insert(report["copy"]["way"].as_str().unwrap().to_owned());
        }
        let expected: &[&str] = match ground.place.kind {
            Kind::Sqlite => &["vacuum"],
            Kind::Postgres => &["dump", "template"],
            Kind::MySql => &["dump"],
        };
        assert!(ways.iter().eq(expected), "{ground}: {ways:?}");
        let rehearsed = report(&ground, &rehearse(&ground, &policy, &[]).run());
        let done = program(&ground, &policy, &["--apply", "--slot", "s", "--json"]).run();
        let done: Value = serde_json::from_str(&done.stdout).unwrap();
        for (at, target) in done["targets"].as_array().unwrap().iter().enumerate() {
            let told = &rehearsed["policies"][0]["targets"][at];
            for field in ["target", "deleted", "reasons", "children", "verified", "left"] {
                assert_eq!(told[field], target[field], "{ground}, {field}: {rehearsed}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_copy_is_clean_and_its_backup_there_whatever_runs_the_source_knows() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let once = program(&ground, &policy, &["--apply", "--slot", "s"]).run();
        assert_eq!(once.code, Some(0), "{ground}: {once:?}");
        // Somebody is at it, for all that the copy knows.
        ground
            .execute("UPDATE tokenkeeper_cleanup_runs SET status = 'running', lease_until = 9999999999999")
            .await;
        ground.execute(&dead(5)).await;
        let kept = report(&ground, &rehearse(&ground, &policy, &["--keep-copy"]).run());
        let targets = &kept["policies"][0]["targets"];
        assert_eq!(targets[0]["deleted"], 5, "{ground}: {kept}");
        let (copy, whole) = (name(&kept), kept["copy"]["way"] != "dump");
        assert_eq!(of_copy(&ground, &copy, TOKENS).await, 0, "{ground}: {kept}");
        assert_eq!(of_copy(&ground, &copy, BACKED_UP).await, if whole { 14 } else { 5 }, "{ground}");
        drop_copy(&ground, &copy);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_or_programs_it_is_said_what_is_missing() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let before = state(&ground);
        let refused = match ground.place.kind {
            Kind::Sqlite => {
                rehearse(&ground, &policy, &["--copy-to", "/nowhere"]).run()
            }
            Kind::Postgres => {
                let database = ground.place.name();
                let role = format!("{database}_plain");
                let grants = format!(
                    "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; \
                     GRANT SELECT, DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
                );
                postgres().execute(database, &grants);
                let url = ground.place.url.replace("postgres@", &format!("{role}@"));
                rehearse(&ground, &policy, &[]).env(URL, url).run()
            }
            Kind::MySql => {
                let database = ground.place.name();
                let grants = format!(
                    "CREATE USER plain_{database}@'%'; GRANT ALL ON {database}.* TO plain_{database}@'%'"
                );
                mysql().execute("mysql", &grants);
                let url = ground.place.url.replace("root@", &format!("plain_{database}@"));
                rehearse(&ground, &policy, &[]).env(URL, url).run()
            }
        };
        let words = match ground.place.kind {
            Kind::Sqlite => "--copy-to",
            Kind::Postgres => "CREATEDB",
            Kind::MySql => "GRANT ALL",
        };
        assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
        assert!(refused.stderr.contains(words), "{ground}: {refused:?}");
        if ground.place.kind != Kind::Sqlite {
            let crowd = crowd(&ground).await;
            let without = rehearse(&ground, &policy, &[]).env("PATH", "/nowhere").run();
            drop(crowd);
            assert_eq!(without.code, Some(2), "{ground}: {without:?}");
            assert!(without.stderr.contains("install"), "{ground}: {without:?}");
        }
        assert_eq!(state(&ground), before, "{ground}");
        assert_eq!(copies(&ground), BTreeSet::new(), "{ground}");
    })
    .await;
}

/// A password of characters that shells, files of options and addresses take for something else.
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_password_reaches_the_programs_and_nobody_else() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::MySql {
            return;
        }
        ground.execute(&dead(9)).await;
        let create =
            r#"CREATE USER odd@'%' IDENTIFIED BY 'ca%n"a #ry\\=;'; GRANT ALL ON *.* TO odd@'%'"#;
        mysql().execute("mysql", create);
        let login = "odd:ca%25n%22a%20%23ry%5C%3D%3B@";
        let url = ground.place.url.replace("root@", login);
        let done = rehearse(&ground, &policy, &[]).env(URL, url).run();
        mysql().execute("mysql", "DROP USER odd@'%'");
        assert_eq!(report(&ground, &done)["policies"][0]["targets"][0]["deleted"], 9, "{ground}");
        assert!(!format!("{done:?}").contains("ry\\"), "{ground}: {done:?}");
    })
    .await;
}

/// MySQL's policies may name a schema: the copy's, not the source, must be cleaned then.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_names_the_database_cleans_the_copy_all_the_same() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, mut policy| {
        if ground.place.kind != Kind::MySql {
            return;
        }
        ground.execute(&dead(9)).await;
        let database = ground.place.name();
        for (schema, code) in [(database, 0), ("mysql", 2)] {
            for target in &mut policy.targets {
                target.schema = Some(schema.parse().unwrap());
            }
            let before = state(&ground);
            let done = rehearse(&ground, &policy, &[]).run();
            assert_eq!(done.code, Some(code), "{ground}: {done:?}");
            assert_eq!(state(&ground), before, "{ground}: {done:?}");
        }
    })
    .await;
}

async fn fill(ground: &Ground) {
    ground.execute(&tokens()).await;
    ground.execute(CHILDREN).await;
}

pub fn rehearse(ground: &Ground, policy: &Policy, more: &[&str]) -> Program {
    let program = prepared(Program::worker(), ground, policy);
    program.args(["cleanup", "rehearse", &policy.name, "--json"]).args(more)
}

pub fn report(ground: &Ground, done: &Finished) -> Value {
    assert_eq!(done.code, Some(0), "{ground}: {done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

pub fn name(report: &Value) -> String {
    report["copy"]["name"].as_str().unwrap().to_owned()
}

const URL: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
