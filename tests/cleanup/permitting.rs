//! What a user may not do is told before anything is deleted, and nobody is refused who may.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    applying::{TOKENS, dead},
    cleaning::{number, prepared, program},
    ground::{Ground, in_zones},
    harness::{
        databases::Kind,
        programs::{Finished, Program, built},
        servers::mariadb,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_told_as_the_grant_that_mends_it() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::MariaDb {
            return;
        }
        ground.execute(&dead(9)).await;
        let user = restricted(&format!("{}.*", database(&ground)));
        let mut granted = Vec::new();
        let done = loop {
            let done = apply(&ground, &policy, &user, "s");
            if done.code == Some(0) {
                break done;
            }
            assert_eq!(done.code, Some(2), "{ground}: {done:?}");
            assert_eq!(number(&ground, TOKENS).await, 9, "{ground}: {done:?}");
            let grants = grants(&done);
            assert!(grants.iter().all(|grant| !granted.contains(grant)), "{ground}: {done:?}");
            for grant in &grants {
                mariadb().execute("mysql", grant);
            }
            granted.extend(grants);
        };
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}: {done:?}");
        for right in ["DELETE", "CREATE", "INSERT", "UPDATE", "CREATE TEMPORARY TABLES"] {
            assert!(granted.iter().any(|grant| grant.contains(right)), "{ground}: {granted:?}");
        }
        // Nothing was granted that needs not be: without any one of them a run is refused.
        let revoke = granted[0].replace("GRANT", "REVOKE").replace(" TO ", " FROM ");
        mariadb().execute("mysql", &revoke);
        assert_eq!(apply(&ground, &policy, &user, "t").code, Some(2), "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_by_a_role_or_a_pattern_are_rights() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::MariaDb {
            return;
        }
        let database = database(&ground);
        let all = "SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, CREATE TEMPORARY TABLES";
        for (at, way) in ["role", "pattern"].into_iter().enumerate() {
            ground.execute(&dead(9)).await;
            // What is granted by a database's name would count instead of what a pattern says.
            let user = restricted(&format!("{database}.IDN_OAUTH2_ACCESS_TOKEN"));
            let of = format!("{user}@'%'");
            let pattern = database.replace('_', "\\_").replacen("test", "t%t", 1);
            let grant = match way {
                "role" => format!(
                    "CREATE ROLE of_{user}; GRANT {all} ON {database}.* TO of_{user}; \
                     GRANT of_{user} TO {of}; SET DEFAULT ROLE of_{user} FOR {of}"
                ),
                _ => format!("GRANT {all} ON `{pattern}`.* TO {of}"),
            };
            mariadb().execute("mysql", &grant);
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
        if ground.place.kind != Kind::MariaDb {
            return;
        }
        policy.targets.truncate(1);
        policy.targets[0].children.iter_mut().for_each(|child| child.optional = false);
        ground.execute(&dead(9)).await;
        let database = database(&ground);
        let user = restricted(&format!("{database}.IDN_OAUTH2_ACCESS_TOKEN"));
        let own = "CREATE, INSERT, UPDATE, DELETE";
        let of = format!("{user}@'%'");
        let grants = format!(
            "GRANT CREATE, CREATE TEMPORARY TABLES ON {database}.* TO {of}; \
             GRANT {own}, SELECT ON {database}.tokenkeeper_cleanup_runs TO {of}; \
             GRANT {own}, SELECT ON {database}.tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN TO {of}; \
             GRANT DELETE ON {database}.IDN_OAUTH2_ACCESS_TOKEN TO {of}"
        );
        mariadb().execute("mysql", &grants);
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

/// A user who may look at some tables, and nothing more.
fn restricted(seen: &str) -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let user = format!("restricted_{number}");
    mariadb().execute("mysql", &format!("CREATE USER {user}@'%'"));
    mariadb().execute("mysql", &format!("GRANT SELECT ON {seen} TO {user}@'%'"));
    user
}

fn apply(ground: &Ground, policy: &Policy, user: &str, slot: &str) -> Finished {
    let url = ground.place.url.replace("root@", &format!("{user}@"));
    program(ground, policy, &["--apply", "--slot", slot, "--json"]).env(URL, url).run()
}

fn grants(done: &Finished) -> Vec<String> {
    let plan: Value = serde_json::from_str(&done.stdout).unwrap();
    let problems = |of: &Value| of["problems"].as_array().unwrap().clone();
    let mut all = problems(&plan);
    all.extend(plan["targets"].as_array().unwrap().iter().flat_map(problems));
    let grant = |problem: &Value| problem.as_str().unwrap().split_once(": ").unwrap().1.to_owned();
    all.iter().map(grant).collect()
}

fn database(ground: &Ground) -> String {
    ground.place.url.rsplit('/').next().unwrap().to_owned()
}

const URL: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
