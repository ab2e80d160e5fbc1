//! `pg_cron` itself: jobs that it runs, and what `schedule pg-cron` says of them.

use std::time::Duration;

use crate::{
    harness::{product::Product, programs::Program, servers::Server, wait},
    place::{Place, ZONES},
};

/// A server with the extension, in a zone; jobs run in its first database.
fn server(zone: &str) -> Server {
    let mut recipe = Product::Postgres.recipe();
    let options = format!(
        "-c shared_preload_libraries=pg_cron -c cron.database_name=postgres -c cron.host=127.0.0.1 -c timezone={zone}"
    );
    recipe.variables.push(("OPTIONS", options));
    Server::made(Product::Postgres, &recipe)
}

#[test]
fn pg_cron_cleans_by_itself_in_each_zone() {
    let servers = ZONES.map(server);
    let places = servers.each_ref().map(with_jobs);
    for place in places.iter().flatten() {
        let name = &place.policy.name;
        let ended = format!(
            "SELECT status, return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = 'tokenkeeper-{name}' \
             AND status IN ('succeeded', 'failed') LIMIT 1"
        );
        let said = wait::until(Duration::from_mins(2), || {
            Some(place.execute(&ended)).filter(|said| !said.is_empty())
        });
        assert!(
            said.as_ref().is_some_and(|said| said.starts_with("succeeded")),
            "{name}: {said:?}"
        );
        let check = place.worker(&["schedule", "pg-cron", name, "--check"]).run();
        assert_eq!(check.code, Some(0), "{check:?}");
        assert!(check.stdout.contains("succeeded"), "{check:?}");
    }
    for [ed_fi, wso2] in &places {
        assert_eq!(
            ed_fi.left("dbo.ClientAccessTokens", "right(CAST(Id AS text), 1)"),
            ["1", "3", "5"]
        );
        let left = wso2.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID");
        assert_eq!(left, ["T1", "T2", "T3", "T4", "T6", "T7", "T8", "TY"]);
        let removed = wso2.worker(&["schedule", "pg-cron", "wso2-token", "--remove"]).run();
        assert_eq!(removed.code, Some(0), "{removed:?}");
        assert_eq!(wso2.execute("SELECT COUNT(*) FROM cron.job"), "1");
        assert!(wso2.call().is_err());
    }
}

/// Two products' tables, each with a job that comes each minute.
fn with_jobs(server: &Server) -> [Place<'_>; 2] {
    server.execute("postgres", "CREATE EXTENSION pg_cron");
    let places = ["edfi-ods", "wso2-token"].map(|policy| Place::within(server, "postgres", policy));
    for place in &places {
        let name = &place.policy.name;
        let before = place.worker(&["schedule", "pg-cron", name, "--check"]).run();
        assert_eq!(before.code, Some(3), "{before:?}");
        let made = place.worker(&["schedule", "pg-cron", name, "--at", "* * * * *", "--install"]);
        // Twice is once.
        let mut made = made;
        for _ in 0..2 {
            let done = made.run();
            assert_eq!(done.code, Some(0), "{done:?}");
        }
        let check = place.worker(&["schedule", "pg-cron", name, "--check"]).run();
        assert_eq!(check.code, Some(0), "{check:?}");
    }
    assert_eq!(places[0].execute("SELECT COUNT(*) FROM cron.job"), "2");
    places
}

#[test]
fn a_job_of_somebody_else_and_what_is_missing_are_refused_with_what_to_do() {
    let server = server("UTC");
    let place = Place::within(&server, "postgres", "edfi-ods");
    let schedule = |more: &[&str]| {
        let mut program = place.worker(&["schedule", "pg-cron", "edfi-ods"]).args(more);
        let done = program.run();
        (done.code, format!("{}{}", done.stdout, done.stderr))
    };
    let install = ["--at", "0 3 * * *", "--install"];
    let (code, said) = schedule(&install);
    assert!(code == Some(2) && said.contains("CREATE EXTENSION pg_cron"), "{said}");
    place.execute("CREATE EXTENSION pg_cron; SELECT cron.schedule('tokenkeeper-edfi-ods', '1 1 * * *', 'SELECT 1')");
    for more in [&install[..], &["--check"], &["--remove"]] {
        let (code, said) = schedule(more);
        assert!(code == Some(2) && said.contains("rename it"), "{said}");
    }
    let job = "SELECT schedule, command FROM cron.job";
    assert_eq!(place.execute(job), "1 1 * * *\tSELECT 1");
    // The text that is printed refuses it as well.
    let (_, text) = schedule(&install[..2]);
    assert!(server.try_execute("postgres", &text).unwrap_err().contains("rename it"));
    place.execute("SELECT cron.unschedule('tokenkeeper-edfi-ods')");
    server.execute("postgres", &text);
    assert!(place.execute(job).starts_with("0 3 * * *\tCALL tokenkeeper_clean_edfi_ods()"));
    place.execute("UPDATE cron.job SET active = false");
    assert_eq!(schedule(&["--check"]).0, Some(3));
    let (code, said) = schedule(&["--at", "0 3 * * *", "--zone", "Europe/Zurich"]);
    assert!(code == Some(2) && said.contains("--zone"), "{said}");
}

#[test]
fn a_user_without_rights_and_a_database_without_the_extension_are_told_what_to_do() {
    let server = server("UTC");
    let place = Place::within(&server, "postgres", "edfi-ods");
    place.execute("CREATE EXTENSION pg_cron; CREATE ROLE plain LOGIN");
    let plain = server.url("postgres").replace("postgres@", "plain@");
    let refused =
        place.worker(&["schedule", "pg-cron", "edfi-ods", "--check", "--database", &plain]).run();
    assert!(
        refused.code == Some(2) && refused.stderr.contains("GRANT USAGE ON SCHEMA cron"),
        "{refused:?}"
    );
    let other = Place::new(&server, "UTC", "edfi-ods");
    let refused = other.worker(&["schedule", "pg-cron", "edfi-ods", "--check"]).run();
    assert!(
        refused.code == Some(2) && refused.stderr.contains("--cron-database postgres"),
        "{refused:?}"
    );
    let made = other
        .worker(&[
            "schedule",
            "pg-cron",
            "edfi-ods",
            "--at",
            "@hourly",
            "--install",
            "--cron-database",
            "postgres",
        ])
        .run();
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(place.execute("SELECT database FROM cron.job"), other.database);
}

#[test]
fn a_products_own_task_is_switched_off_by_what_its_policy_knows() {
    let tell = |target: &str, policy: &str, more: &[&str]| {
        let mut program =
            Program::worker().args(["schedule", target, policy, "--disable-builtin"]).args(more);
        let done = program.run();
        (done.code, format!("{}{}", done.stdout, done.stderr))
    };
    // What is no comment is what .NET reads.
    let (code, said) = tell("pg-cron", "edfi-ods", &[]);
    let settings: String = said.lines().filter(|line| !line.starts_with('#')).collect();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    let job = &settings["ApiSettings"]["ScheduledJobs"][0];
    assert!(
        code == Some(0) && job["Name"] == "DeleteExpiredTokens" && job["IsEnabled"] == false,
        "{said}"
    );
    let (code, said) = tell("mysql-event", "wso2-token", &[]);
    let settings: toml::Value = toml::from_str(&said).unwrap();
    assert_eq!(
        (code, settings["oauth"]["token_cleanup"]["enable"].as_bool()),
        (Some(0), Some(false))
    );
    let (_, said) = tell("pgagent", "edfi-dms", &["--json"]);
    assert!(said.contains("DMS_CONFIG_IDENTITY_TOKEN_CLEANUP_ENABLED=false"), "{said}");
    let (code, said) = tell("mysql-event", "ory-hydra", &[]);
    assert!(code == Some(2) && said.contains("no setting"), "{said}");
    assert_eq!(tell("pg-cron", "edfi-ods", &["--install"]).0, Some(2));
}
