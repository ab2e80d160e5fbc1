//! What the look at a database tells, and what it refuses.

use std::{collections::BTreeSet, fs};

use tokenkeeper_worker::cleanup::{
    policy::{Policy, shipped},
    survey::{Estimate, Plan, Survey},
};

use crate::{
    applying::dead,
    cleaning::program,
    ground::{Ground, in_zones},
    harness::databases::Kind,
};

#[tokio::test(flavor = "multi_thread")]
async fn each_shipped_policy_fits_the_tables_that_it_was_written_for() {
    let all = shipped().unwrap();
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    in_zones(&["UTC"], &names, async |ground, policy| {
        let plan = plan(&ground, &policy).await;
        let for_it = policy.dialects.contains_key(&ground.open().dialect());
        assert_eq!(plan.is_refused(), !for_it, "{ground}: {plan:#?}");
        for target in &plan.targets {
            assert!(!target.is_present || !target.explanation.is_empty(), "{ground}: {target:#?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_table_an_unknown_child_and_a_wrong_zone_are_refused() {
    in_zones(&["UTC"], &["doorkeeper"], async |ground, policy| {
        let refused = async || format!("{:?}", plan(&ground, &policy).await.targets[0].problems);
        assert_eq!(refused().await, "[]", "{ground}");
        ground.execute("CREATE TABLE mine (id BIGINT PRIMARY KEY, token_id BIGINT, FOREIGN KEY (token_id) REFERENCES oauth_access_tokens (id))").await;
        assert!(refused().await.contains("rows of mine refer to"), "{ground}");
        ground.execute("DROP TABLE mine; INSERT INTO oauth_access_tokens (id, created_at, expires_in) VALUES (1, '2099-01-01 00:00:00', 60)").await;
        assert!(refused().await.contains("minutes in the future"), "{ground}");
        ground.execute("DELETE FROM oauth_access_tokens; ALTER TABLE oauth_access_tokens RENAME COLUMN revoked_at TO ended_at").await;
        assert!(refused().await.contains("there is no column revoked_at"), "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_by_reason_and_state_and_shows_no_key() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, mut policy| {
        // On SQLite too, which the product does not run on.
        let dialect = ground.open().dialect();
        policy.dialects.insert(dialect, policy.dialects.values().copied().next().unwrap());
        ground.execute(ROWS).await;
        let plan = plan(&ground, &policy).await;
        let tokens = &plan.targets[0];
        let counts = |at: usize| {
            tokens.reasons[at]
                .states
                .iter()
                .map(|of| (of.state.as_deref(), of.rows))
                .collect::<Vec<_>>()
        };
        assert_eq!((tokens.rows, tokens.doomed()), (3, 2), "{ground}");
        assert_eq!(counts(0), [(Some("REVOKED"), 1)], "{ground}");
        assert_eq!(counts(2), [(Some("ACTIVE"), 1)], "{ground}");
        let scopes =
            tokens.children.iter().find(|child| child.table == "IDN_OAUTH2_ACCESS_TOKEN_SCOPE");
        let values =
            tokens.children.iter().find(|child| child.table == "IDN_OIDC_REQ_OBJ_CLAIM_VALUES");
        assert_eq!((scopes.unwrap().rows, values.unwrap().rows), (2, 1), "{ground}");
        let told = plan.lines().join("\n") + &serde_json::to_string(&plan).unwrap();
        assert!(!told.contains("canary") && told.contains("cut-off"), "{ground}: {told}");
        assert_eq!(plan.version, 1);
        // MariaDB makes an index for each foreign key.
        assert_eq!(
            told.to_uppercase().contains("IDX_OROR_TID"),
            !told.contains("MySQL"),
            "{ground}: {told}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_no_index_finds_gets_one_advised_once_and_no_other_does() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, mut policy| {
        let advised = async |policy: &Policy| -> Vec<String> {
            let targets = plan(&ground, policy).await.targets;
            targets.into_iter().flat_map(|target| target.missing_indexes).collect()
        };
        let about = |advised: &[String], what: &str| {
            let has = |sql: &&String| sql.to_uppercase().contains(what);
            advised.iter().filter(has).count()
        };
        let scopes = "IDN_OAUTH2_ACCESS_TOKEN_SCOPE";
        let claims = "IDX_OROC_ROID";
        let first = advised(&policy).await;
        // The scopes' primary key begins with the token. MariaDB makes an index for each foreign key.
        assert_eq!(about(&first, scopes), 0, "{ground}: {first:?}");
        let is_mariadb = ground.place.kind == Kind::MySql;
        assert_eq!(about(&first, claims), usize::from(!is_mariadb), "{ground}: {first:?}");
        // Both targets have these children, and one of them has the advice: neither says more than that.
        let all: BTreeSet<_> = first.iter().map(|sql| sql.split(" ON ").nth(1)).collect();
        assert_eq!(all.len(), first.len(), "{ground}: {first:?}");
        policy.targets.iter_mut().for_each(|target| target.indexes.clear());
        ground.execute("DROP TABLE IDN_OAUTH2_ACCESS_TOKEN_SCOPE; CREATE TABLE IDN_OAUTH2_ACCESS_TOKEN_SCOPE \
            (TOKEN_ID VARCHAR(255), TOKEN_SCOPE VARCHAR(60), PRIMARY KEY (TOKEN_SCOPE, TOKEN_ID))").await;
        let second = advised(&policy).await;
        assert_eq!(about(&second, scopes), 1, "{ground}: {second:?}");
        let sql = second.iter().find(|sql| sql.to_uppercase().contains(scopes)).unwrap();
        ground.execute(&sql.replace(" CONCURRENTLY", "")).await;
        let third = advised(&policy).await;
        assert_eq!(about(&third, scopes), 0, "{ground}: {third:?}");
        assert_eq!(third.len(), second.len() - 1, "{ground}: {third:?}");
        // The key of this one is SQLite's number of a row, which no index is listed for.
        ground.execute("DROP TABLE IDN_OAUTH2_ACCESS_TOKEN_SCOPE; \
            CREATE TABLE IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID INTEGER PRIMARY KEY)").await;
        assert_eq!(about(&advised(&policy).await, scopes), 0, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_leaves_the_other_cores_to_the_product() {
    let ground = Ground::new(Kind::Postgres, "UTC", "wso2-token").await;
    // Several cores cost this server nothing.
    for setting in ["parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"] {
        let set = format!("ALTER DATABASE {} SET {setting} = 0", ground.place.name());
        ground.execute(&set).await;
    }
    ground.execute(&dead(5_000)).await;
    ground.execute("ANALYZE IDN_OAUTH2_ACCESS_TOKEN").await;
    let targets = plan(&ground, &shipped().unwrap()["wso2-token"]).await.targets;
    let explained: Vec<_> = targets.into_iter().flat_map(|target| target.explanation).collect();
    assert!(explained.iter().any(|line| line.contains("Seq Scan")), "{explained:?}");
    assert!(!explained.iter().any(|line| line.contains("Gather")), "{explained:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_how_long_it_takes_by_the_last_large_run_and_else_that_it_guesses() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1_100)).await;
        let guess = estimate(&ground, &policy).await;
        assert!(guess.by_run.is_none(), "{ground}: {guess:?}");
        assert!(guess.seconds[0] > 0 && guess.batches[0] > 0, "{ground}: {guess:?}");
        let cleaned = program(
            &ground,
            &policy,
            &["--apply", "--slot", "s", "--max-rows", "1050", "--json", "--yes-large"],
        )
        .run();
        let cleaned: serde_json::Value = serde_json::from_str(&cleaned.stdout).unwrap();
        let measured = estimate(&ground, &policy).await;
        assert_eq!(measured.by_run.as_deref(), cleaned["run"].as_str(), "{ground}: {measured:?}");
        // One of 50 rows, and one that was taken up after lying about, are no measure.
        let rest = program(&ground, &policy, &["--apply", "--slot", "t", "--yes-large"]).run();
        assert_eq!(rest.code, Some(0), "{ground}: {rest:?}");
        ground.execute(&dead(3_000)).await;
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET ended_at = started_at + 2100").await;
        let slow = estimate(&ground, &policy).await;
        assert_eq!((slow.rows_per_second, slow.seconds), ([500; 2], [6; 2]), "{ground}: {slow:?}");
        let told = program(&ground, &policy, &[]).run();
        assert!(told.stdout.contains(", 6 s: by 500 rows/s, as in run "), "{ground}: {told:?}");
        ground.execute("UPDATE tokenkeeper_cleanup_runs SET fence = 2").await;
        assert!(estimate(&ground, &policy).await.by_run.is_none(), "{ground}");
    })
    .await;
}

async fn estimate(ground: &Ground, policy: &Policy) -> Estimate {
    let plan = plan(ground, policy).await;
    plan.targets[0].estimate.clone().unwrap_or_else(|| panic!("{ground}: {plan:#?}"))
}

/// The page's example is a policy, and names every key of the language.
#[test]
fn the_example_of_the_page_is_understood() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cleanup-policies.md"))
            .unwrap();
    let sample = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = Policy::parse("the page", sample).unwrap();
    assert_eq!(policy.targets[0].reasons.len(), 2);
    for file in ["", "/column", "/reason"] {
        let path = format!("{}/src/cleanup/policy{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = fs::read_to_string(path).unwrap();
        let fields =
            source.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
        for (field, _) in fields.filter(|(field, _)| !field.contains(' ')) {
            let key = match field {
                "targets" => "target",
                "children" => "child",
                "reasons" => "reason",
                "indexes" => "index",
                other => other,
            };
            assert!(
                page.contains(&format!("`{key}`")) || page.contains(&format!("{{ {key} = ")),
                "{key}"
            );
        }
    }
}

async fn plan(ground: &Ground, policy: &Policy) -> Plan {
    let database = ground.open();
    let clock = database.clock().await.unwrap();
    let survey = Survey { policy, database: &database, clock };
    let plan =
        survey.plan().await.unwrap_or_else(|error| panic!("{ground}, {}: {error}", policy.name));
    database.close().await;
    plan
}

const ROWS: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TIME_CREATED, VALIDITY_PERIOD, \
     REFRESH_TOKEN_TIME_CREATED, REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_STATE, TOKEN_STATE_ID) VALUES \
     ('canary-1', 'canary', 'canary', '2020-01-01 00:00:00', 1000, '2020-01-01 00:00:00', 1000, 'ACTIVE', '1'), \
     ('canary-2', 'canary', 'canary', '2020-01-01 00:00:00', -1, '2020-01-01 00:00:00', 1000, 'REVOKED', '2'), \
     ('canary-3', 'canary', 'canary', '2020-01-01 00:00:00', 1000, '2020-01-01 00:00:00', -1, 'ACTIVE', '3'); \
     INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) VALUES ('canary-1', 'a'), ('canary-1', 'b'), ('canary-3', 'a'); \
     INSERT INTO IDN_OIDC_REQ_OBJECT_REFERENCE (ID, TOKEN_ID) VALUES (1, 'canary-2'), (2, 'canary-3'); \
     INSERT INTO IDN_OIDC_REQ_OBJECT_CLAIMS (ID, REQ_OBJECT_ID) VALUES (1, 1), (2, 2); \
     INSERT INTO IDN_OIDC_REQ_OBJ_CLAIM_VALUES (ID, REQ_OBJECT_CLAIMS_ID) VALUES (1, 1), (2, 2)";
