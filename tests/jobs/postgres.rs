//! The procedure for PostgreSQL, called by hand: what it deletes, keeps, and refuses.

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    harness::servers,
    place::{Place, ZONES},
    rows::dead,
};

/// All tables that a policy has rows deleted of, and their key.
fn tables(policy: &Policy) -> Vec<String> {
    let schema = policy.targets[0].schema.as_ref().map_or(String::new(), |name| format!("{name}."));
    let of = policy.targets.iter().flat_map(|target| {
        std::iter::once(&target.table).chain(target.children.iter().map(|child| &child.table))
    });
    let names: std::collections::BTreeSet<_> = of.map(|name| format!("{schema}{name}")).collect();
    names.into_iter().collect()
}

/// Rows as text, without what a run says of itself, which differs.
fn told(place: &Place<'_>, table: &str) -> Option<String> {
    let there = place.execute(&format!("SELECT to_regclass('{table}') IS NOT NULL"));
    let sql = format!(
        "SELECT string_agg(row, E'\\n' ORDER BY row) FROM (SELECT CAST(to_jsonb(each) - 'tokenkeeper_run' - 'tokenkeeper_batch' \
         - 'tokenkeeper_deleted_at' - 'expiration' - 'time_created' - 'expiry_time' - 'refresh_token_time_created' AS text) AS row \
         FROM {table} each) rows"
    );
    (there == "t").then(|| place.execute(&sql))
}

#[test]
fn a_procedure_deletes_and_keeps_what_cleanup_does_in_each_zone() {
    let server = servers::postgres();
    for zone in ZONES {
        for policy in ["edfi-ods", "wso2-token", "wso2-session"] {
            let (ours, other) =
                (Place::new(server, zone, policy), Place::new(server, zone, policy));
            let done = other.worker(&["cleanup", policy, "--apply", "--max-fraction", "1"]).run();
            assert_eq!(done.code, Some(0), "{zone}, {policy}: {done:?}");
            ours.make();
            ours.call().unwrap_or_else(|error| panic!("{zone}, {policy}: {error}"));
            for table in tables(&ours.policy) {
                let (schema, name) = table.split_once('.').unwrap_or(("public", &table));
                for table in [table.clone(), format!("{schema}.tokenkeeper_backup_{name}")] {
                    let found = told(&ours, &table);
                    assert_eq!(found, told(&other, &table), "{zone}, {policy}, {table}");
                }
            }
            let target = &ours.policy.targets[0];
            let table = &tables(&ours.policy)
                .into_iter()
                .find(|name| name.ends_with(target.table.as_str()))
                .unwrap();
            let backup = table
                .replace(target.table.as_str(), &format!("tokenkeeper_backup_{}", target.table));
            let gone =
                format!("SELECT COUNT(*) FROM {backup} WHERE tokenkeeper_reason IS NOT NULL");
            assert!(
                ours.execute(&gone).parse::<usize>().unwrap() >= dead(policy).len(),
                "{zone}, {policy}"
            );
        }
    }
}

#[test]
fn the_dead_go_and_the_living_stay() {
    let place = Place::new(servers::postgres(), "Asia/Tokyo", "wso2-token");
    place.make();
    place.call().unwrap();
    let left = place.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID");
    assert_eq!(left, ["T1", "T2", "T3", "T4", "T6", "T7", "T8", "TY"]);
    // A code goes with the token that it was redeemed for, and not before.
    assert_eq!(place.left("IDN_OAUTH2_AUTHORIZATION_CODE", "CODE_ID"), ["C1", "C3"]);
    assert_eq!(place.left("IDN_OIDC_REQ_OBJ_CLAIM_VALUES", "ID"), ["200"]);
    let kept = "SELECT COUNT(*) FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN \
                WHERE ACCESS_TOKEN = encode(sha256(convert_to('a' || TOKEN_ID, 'UTF8')), 'hex')";
    assert_eq!(place.execute(kept), "2", "tokens are kept as hashes");
}

#[test]
fn the_published_condition_deletes_a_living_token_where_ours_does_not() {
    let living = "00000000-0000-0000-0000-000000000001";
    let server = servers::postgres();
    let (ours, theirs) = (
        Place::new(server, "Asia/Tokyo", "edfi-ods"),
        Place::new(server, "Asia/Tokyo", "edfi-ods"),
    );
    theirs.execute("DELETE FROM dbo.ClientAccessTokens WHERE Expiration < now()");
    ours.make();
    ours.call().unwrap();
    let left = |place: &Place<'_>| place.left("dbo.ClientAccessTokens", "Id");
    assert!(!left(&theirs).contains(&living.to_owned()), "it would still have lived 25 minutes");
    assert!(left(&ours).contains(&living.to_owned()));
    assert!(dead("edfi-ods").iter().all(|id| !left(&ours).contains(&(*id).to_owned())));
}

#[test]
fn a_second_run_beside_one_at_work_does_nothing() {
    let place = Place::new(servers::postgres(), "UTC", "edfi-ods");
    place.make();
    let lock = "SELECT pg_advisory_lock(hashtextextended('tokenkeeper edfi-ods', 0)); CALL tokenkeeper_clean_edfi_ods()";
    // The lock is the session's own: another one must not get it.
    let held = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            place.execute(
                &lock.replace("; CALL tokenkeeper_clean_edfi_ods()", "; SELECT pg_sleep(3)"),
            )
        });
        let is_held = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        while place.execute(is_held) == "0" {
            std::thread::yield_now();
        }
        place.call().unwrap();
        let held = place.left("dbo.ClientAccessTokens", "Id").len();
        holder.join().unwrap();
        held
    });
    assert_eq!(held, 5);
    // So does a run of the program's own that is at work.
    place.call().unwrap();
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 3);
    place.execute("DELETE FROM tokenkeeper_cleanup_runs WHERE false; UPDATE tokenkeeper_cleanup_runs SET status = 'running', \
                   lease_until = 9999999999999; UPDATE dbo.ClientAccessTokens SET Expiration = '2020-01-01'");
    place.call().unwrap();
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 3);
    // One of ours that was cut off is over.
    place.execute("UPDATE tokenkeeper_cleanup_runs SET lease_until = 1");
    place.call().unwrap();
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 0);
    let states = place.execute(
        "SELECT string_agg(status, ',' ORDER BY started_at) FROM tokenkeeper_cleanup_runs",
    );
    assert_eq!(states, "failed,done");
}

#[test]
fn tables_that_differ_from_the_policy_stay_as_they_are() {
    let place = Place::new(servers::postgres(), "UTC", "edfi-ods");
    place.make();
    for (change, word) in [
        ("ALTER TABLE dbo.ClientAccessTokens ALTER Expiration TYPE timestamptz", "another type"),
        (
            "ALTER TABLE dbo.ClientAccessTokens ALTER Expiration TYPE timestamp, DROP CONSTRAINT clientaccesstokens_pkey",
            "primary key",
        ),
        (
            "ALTER TABLE dbo.ClientAccessTokens ADD PRIMARY KEY (Id); CREATE TABLE other (id uuid REFERENCES dbo.ClientAccessTokens)",
            "refers to",
        ),
        (
            "DROP TABLE other; CREATE TABLE dbo.tokenkeeper_backup_clientaccesstokens (id text, expiration date)",
            "backup table",
        ),
    ] {
        place.execute(change);
        let said = place.call().unwrap_err();
        assert!(said.contains(word), "{said}");
        assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 5, "{word}");
    }
    place.execute("DROP TABLE dbo.tokenkeeper_backup_clientaccesstokens");
    place.call().unwrap();
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 3);
}

#[test]
fn a_row_that_cannot_go_keeps_none_of_the_others() {
    let place = Place::new(servers::postgres(), "UTC", "edfi-ods");
    place.execute(
        "INSERT INTO dbo.ClientAccessTokens (Id, Expiration) SELECT gen_random_uuid(), '2020-01-01' FROM generate_series(1, 2500); \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF OLD.Id = '00000000-0000-0000-0000-000000000004' THEN RAISE foreign_key_violation; END IF; RETURN OLD; END $$; \
         CREATE TRIGGER refuse BEFORE DELETE ON dbo.ClientAccessTokens FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    place.make();
    place.call().unwrap();
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 4);
    let most = "SELECT MAX(rows) FROM (SELECT COUNT(*) AS rows FROM dbo.tokenkeeper_backup_clientaccesstokens \
                GROUP BY tokenkeeper_batch) batches";
    assert!(place.execute(most).parse::<u32>().unwrap() <= 1000);
    let told = place.worker(&["cleanup", "history", "--json"]).run();
    let run: Value = serde_json::from_str(told.stdout.lines().next().unwrap()).unwrap();
    assert!(told.stdout.contains("partly") && told.stdout.contains("\"left\":1"), "{run}");
}

#[test]
fn history_knows_a_jobs_run_and_restore_brings_its_rows_back() {
    let mut place = Place::new(servers::postgres(), "America/Chicago", "edfi-ods");
    // Values that are kept can come back.
    place.policy.targets[0].secrets.clear();
    place.make();
    let before = told(&place, "dbo.ClientAccessTokens");
    place.call().unwrap();
    let run = place.execute("SELECT run FROM tokenkeeper_cleanup_runs");
    let history = place.worker(&["cleanup", "history", "--json"]).run();
    assert!(
        history.stdout.contains(&run) && history.stdout.contains("\"deleted\":2"),
        "{history:?}"
    );
    let status = place.worker(&["cleanup", "status"]).run();
    assert_eq!(status.code, Some(0), "{status:?}");
    let restored = place.worker(&["cleanup", "restore", &run]).run();
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(told(&place, "dbo.ClientAccessTokens"), before);
}
