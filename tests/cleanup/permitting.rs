//! What a user may not do is told before anything is deleted, and nobody is refused who may.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    applying::{TOKENS, dead},
    cleaning::{number, prepared, program, rows},
    ground::{Ground, in_zones},
    harness::{
        databases::Kind,
        product::Product,
        programs::{Finished, Program, built},
        servers::{mysql, postgres},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_told_as_the_grant_that_mends_it() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(&dead(9)).await;
        let user = restricted(&ground, "*");
        let granted = until_granted(&ground, &policy, &user).await;
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        for right in ["DELETE", "CREATE"] {
            assert!(granted.iter().any(|grant| grant.contains(right)), "{ground}: {granted:?}");
        }
        // Tables are made once: who may not make any is not refused for it.
        for grant in &granted {
            let [rights, place, user] = parts(grant);
            if rights.contains("CREATE") && !rights.contains("TEMPORARY") {
                administer(&ground, &format!("REVOKE CREATE ON {place} FROM {user}"));
            }
        }
        ground.execute(&dead(9)).await;
        let done = apply(&ground, &policy, &user, "t");
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        // Nothing was granted that needs not be: without any one of them a run is refused.
        for (at, grant) in granted.iter().enumerate() {
            let [rights, place, user_of] = parts(grant);
            for right in rights.split(", ").filter(|right| *right != "CREATE") {
                administer(&ground, &format!("REVOKE {right} ON {place} FROM {user_of}"));
                let done = apply(&ground, &policy, &user, &format!("u{at}"));
                assert_eq!(done.code, Some(2), "{ground}, {right} on {place}: {done:?}");
                assert!(grants(&done)[0].contains(right), "{ground}: {done:?}");
                administer(&ground, &format!("GRANT {right} ON {place} TO {user_of}"));
            }
        }
    })
    .await;
}

/// Who makes tables owns them; where an administrator has, those that are ours take rights, too.
#[tokio::test(flavor = "multi_thread")]
async fn in_our_tables_that_somebody_else_has_made_a_user_must_be_able_to_write() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(&dead(9)).await;
        let made = program(&ground, &policy, &["--apply", "--slot", "made"]).run();
        assert_eq!(made.code, Some(0), "{ground}: {made:?}");
        ground.execute(&dead(9)).await;
        let granted = until_granted(&ground, &policy, &restricted(&ground, "*")).await;
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        for table in ["tokenkeeper_cleanup_runs", "tokenkeeper_backup_"] {
            let is_told = |grant: &String| grant.contains(table) && grant.contains("INSERT");
            assert!(granted.iter().any(is_told), "{ground}: {granted:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_may_not_be_entered_is_told_before_anything_is_asked_of_it() {
    in_zones(&["UTC"], &["edfi-ods"], async |ground, policy| {
        if ground.place.kind != Kind::Postgres {
            return;
        }
        let user = restricted(&ground, "*");
        let looked = as_user(&ground, program(&ground, &policy, &["--json"]), &user).run();
        assert_eq!(looked.code, Some(2), "{ground}: {looked:?}");
        assert_eq!(
            grants(&looked),
            [format!("GRANT USAGE ON SCHEMA \"dbo\" TO {user}")],
            "{ground}"
        );
        let granted = until_granted(&ground, &policy, &user).await;
        let table =
            format!("GRANT SELECT, UPDATE, DELETE ON \"dbo\".\"clientaccesstokens\" TO {user}");
        assert!(granted.contains(&table), "{ground}: {granted:?}");
    })
    .await;
}

async fn left(ground: &Ground, policy: &Policy) -> usize {
    rows(ground, policy, policy.targets[0].table.as_str()).await.len()
}

/// Runs and grants what is said to be missing, until nothing is; and what that was.
async fn until_granted(ground: &Ground, policy: &Policy, user: &str) -> Vec<String> {
    let mut granted = Vec::new();
    loop {
        let before = left(ground, policy).await;
        let done = apply(ground, policy, user, "s");
        if done.code == Some(0) {
            return granted;
        }
        assert_eq!(done.code, Some(2), "{ground}: {done:?}");
        assert_eq!(left(ground, policy).await, before, "{ground}: {done:?}");
        let grants = grants(&done);
        assert!(grants.iter().all(|grant| !granted.contains(grant)), "{ground}: {done:?}");
        for grant in grants {
            administer(ground, &grant);
            granted.push(grant);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_by_a_role_or_a_pattern_are_rights() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::MySql {
            return;
        }
        let database = database(&ground);
        let all = "SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, CREATE TEMPORARY TABLES";
        for (at, way) in ["role", "pattern"].into_iter().enumerate() {
            ground.execute(&dead(9)).await;
            // What is granted by a database's name would count instead of what a pattern says.
            let user = restricted(&ground, "IDN_OAUTH2_ACCESS_TOKEN");
            let of = format!("{user}@'%'");
            let pattern = database.replace('_', "\\_").replacen("test", "t%t", 1);
            // MariaDB says for whom, MySQL to whom.
            let word = if Product::mysql() == Product::MySql { "TO" } else { "FOR" };
            let grant = match way {
                "role" => format!(
                    "CREATE ROLE of_{user}; GRANT {all} ON {database}.* TO of_{user}; \
                     GRANT of_{user} TO {of}; SET DEFAULT ROLE of_{user} {word} {of}"
                ),
                _ => format!("GRANT {all} ON `{pattern}`.* TO {of}"),
            };
            mysql().execute("mysql", &grant);
            let done = apply(&ground, &policy, &user, &at.to_string());
            assert_eq!(done.code, Some(0), "{ground}, {way}: {done:?}");
            assert_eq!(number(&ground, TOKENS).await, 0, "{ground}, {way}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_this_user_may_not_see_is_not_taken_for_one_that_is_not_there() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, mut policy| {
        if ground.place.kind != Kind::MySql {
            return;
        }
        policy.targets.truncate(1);
        policy.targets[0].children.iter_mut().for_each(|child| child.optional = false);
        ground.execute(&dead(9)).await;
        let database = database(&ground);
        let user = restricted(&ground, "IDN_OAUTH2_ACCESS_TOKEN");
        let own = "CREATE, INSERT, UPDATE, DELETE";
        let of = format!("{user}@'%'");
        let grants = format!(
            "GRANT CREATE, CREATE TEMPORARY TABLES ON {database}.* TO {of}; \
             GRANT {own}, SELECT ON {database}.tokenkeeper_cleanup_runs TO {of}; \
             GRANT {own}, SELECT ON {database}.tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN TO {of}; \
             GRANT DELETE ON {database}.IDN_OAUTH2_ACCESS_TOKEN TO {of}"
        );
        mysql().execute("mysql", &grants);
        let done = apply(&ground, &policy, &user, "s");
        assert_eq!(done.code, Some(2), "{ground}: {done:?}");
        assert!(done.stdout.contains("`IDN_OAUTH2_ACCESS_TOKEN_SCOPE` TO"), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 9, "{ground}: {done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_refused_before_a_row_is_touched() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::Sqlite {
            return;
        }
        ground.execute(&dead(9)).await;
        for wish in ["?mode=ro", "?immutable=1"] {
            let url = format!("{}{wish}", ground.place.url);
            let done = program(&ground, &policy, &["--apply"]).env(URL, url).run();
            assert_eq!(done.code, Some(2), "{ground}, {wish}: {done:?}");
            assert!(done.stdout.contains("mode=ro"), "{ground}, {wish}: {done:?}");
        }
        let file = Path::new(ground.place.url.strip_prefix("sqlite://").unwrap());
        let folder = file.parent().unwrap();
        let bytes = fs::read(file).unwrap();
        for (of_file, of_folder, words) in
            [(0o444, 0o777, "chmod"), (0o666, 0o555, "journal"), (0o666, 0o777, "9 rows deleted")]
        {
            assert_eq!(fs::read(file).unwrap(), bytes, "{ground}");
            allow(file, of_file);
            allow(folder, of_folder);
            let done = as_nobody(&ground, &policy).run();
            assert!(done.stdout.contains(words), "{ground}, {words}: {done:?}");
            assert_eq!(done.code, Some(if of_folder & of_file & 0o222 == 0 { 2 } else { 0 }));
        }
    })
    .await;
}

/// Root may write everything: the program runs as a user who is nobody else.
fn as_nobody(ground: &Ground, policy: &Policy) -> Program {
    let worker = built("tokenkeeper-worker");
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0);
    let program = if is_root {
        let arguments = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        Program::named("setpriv").args(arguments).args([worker])
    } else {
        Program::worker()
    };
    let program = prepared(program, ground, policy);
    allow(program.home(), 0o755);
    program.args(["cleanup", &policy.name, "--apply", "--slot", "s"])
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A user who may look at some tables; on PostgreSQL at none, and nothing more.
fn restricted(ground: &Ground, seen: &str) -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let user = format!("restricted_{number}");
    if ground.place.kind == Kind::Postgres {
        administer(ground, &format!("CREATE ROLE {user} LOGIN"));
    } else {
        administer(ground, &format!("CREATE USER {user}@'%'"));
        administer(ground, &format!("GRANT SELECT ON {}.{seen} TO {user}@'%'", database(ground)));
    }
    user
}

fn administer(ground: &Ground, sql: &str) {
    match ground.place.kind {
        Kind::Postgres => postgres().execute(&database(ground), sql),
        _ => mysql().execute("mysql", sql),
    };
}

fn apply(ground: &Ground, policy: &Policy, user: &str, slot: &str) -> Finished {
    let arguments = ["--apply", "--slot", slot, "--json"];
    as_user(ground, program(ground, policy, &arguments), user).run()
}

fn as_user(ground: &Ground, program: Program, user: &str) -> Program {
    let url = ground.place.url.replace("root@", &format!("{user}@"));
    program.env(URL, url.replace("postgres@", &format!("{user}@")))
}

/// The rights, the place and the user of a GRANT.
fn parts(grant: &str) -> [&str; 3] {
    let (rights, rest) = grant.strip_prefix("GRANT ").unwrap().split_once(" ON ").unwrap();
    let (place, user) = rest.split_once(" TO ").unwrap();
    [rights, place, user]
}

fn grants(done: &Finished) -> Vec<String> {
    let plan: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    let problems = |of: &Value| of["problems"].as_array().unwrap().clone();
    let mut all = problems(&plan);
    all.extend(plan["targets"].as_array().unwrap().iter().flat_map(problems));
    let grant = |problem: &Value| problem.as_str().unwrap().split_once(": ").unwrap().1.to_owned();
    all.iter().map(grant).collect()
}

fn database(ground: &Ground) -> String {
    ground.place.name().to_owned()
}

const URL: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
