//! pgAgent itself: jobs that it runs, and what `schedule pgagent` says of it.

use std::time::Duration;

use crate::{
    harness::{
        product::Product,
        programs::{Program, Running},
        servers::Server,
        wait,
    },
    place::{Place, ZONES},
};

/// A server in a zone, with pgAgent's tables in its first database.
pub fn server(zone: &str) -> Server {
    let server = Server::start(Product::Postgres);
    server.execute("postgres", &format!("ALTER SYSTEM SET timezone = '{zone}'"));
    server.execute("postgres", "SELECT pg_reload_conf()");
    server.execute("postgres", "CREATE EXTENSION pgagent");
    server
}

/// The agent, as a program; it ends with the thread that has started it.
pub fn agent(server: &Server, user: &str) -> Running {
    let database = format!("host=127.0.0.1 port={} dbname=postgres user={user}", server.port());
    let mut program = Program::named("setpriv").args([
        "--pdeathsig",
        "KILL",
        "pgagent",
        "-f",
        "-t",
        "1",
        "-r",
        "10",
        &database,
    ]);
    let running = program.spawn();
    let is_there = "SELECT 1 FROM pgagent.pga_jobagent JOIN pg_stat_activity ON pid = jagpid";
    let there = wait::until(Duration::from_mins(1), || {
        (!server.execute("postgres", is_there).is_empty()).then_some(())
    });
    assert!(
        there.is_some(),
        "pgagent does not connect: install the Debian package pgagent, or call tests/run"
    );
    running
}

/// Has all jobs come now, and waits for the end of each.
pub fn run_all(server: &Server, jobs: usize) {
    let ended = "SELECT COUNT(*) FROM pgagent.pga_joblog WHERE jlgduration IS NOT NULL";
    let before: usize = server.execute("postgres", ended).trim().parse().unwrap();
    server.execute("postgres", "UPDATE pgagent.pga_job SET jobnextrun = now()");
    let all = wait::until(Duration::from_mins(1), || {
        let now: usize = server.execute("postgres", ended).trim().parse().unwrap();
        (now >= before + jobs).then_some(())
    });
    assert!(all.is_some(), "{}", server.execute("postgres", "SELECT * FROM pgagent.pga_joblog"));
}

pub fn schedule(place: &Place<'_>, more: &[&str]) -> (Option<i32>, String) {
    let name = &place.policy.name;
    let mut program = place.worker(&["schedule", "pgagent", name]).args(more);
    let done = program.run();
    (done.code, format!("{}{}", done.stdout, done.stderr))
}

/// With the published condition, as a job made by hand.
fn published(server: &Server, database: &str) {
    server.execute(
        "postgres",
        &format!(
            "INSERT INTO pgagent.pga_job (jobid, jobjclid, jobname) VALUES (1000, 1, 'by hand'); \
             INSERT INTO pgagent.pga_jobstep (jstjobid, jstname, jstkind, jstdbname, jstcode) VALUES (1000, 'delete', 's', '{database}', \
             'DELETE FROM dbo.ClientAccessTokens WHERE Expiration < now()'); \
             INSERT INTO pgagent.pga_schedule (jscjobid, jscname) VALUES (1000, 'always')"
        ),
    );
}

#[test]
fn pgagent_cleans_by_itself_in_each_zone_and_as_the_published_job_does_not() {
    let beside = ["--agent-database", "postgres"];
    for zone in ZONES {
        let server = server(zone);
        let [ed_fi, wso2, theirs] = ["edfi-ods", "wso2-token", "edfi-ods"]
            .map(|policy| Place::within(&server, &database(&server), policy));
        published(&server, &theirs.database);
        for place in [&ed_fi, &wso2] {
            assert_eq!(schedule(place, &[&beside[..], &["--check"]].concat()).0, Some(3));
            // Twice is once.
            for _ in 0..2 {
                let at = ["--at", "0 3 * * *", "--zone", zone, "--install"];
                let (code, said) = schedule(place, &[&beside[..], &at].concat());
                assert_eq!(code, Some(0), "{said}");
                assert!(said.contains(zone), "{said}");
            }
            let (code, said) = schedule(place, &[&beside[..], &["--check"]].concat());
            assert!(code == Some(3) && said.contains("no pgAgent is connected"), "{said}");
        }
        let _agent = agent(&server, "postgres");
        run_all(&server, 3);
        for place in [&ed_fi, &wso2] {
            let (code, said) = schedule(place, &[&beside[..], &["--check"]].concat());
            assert!(code == Some(0) && said.contains("succeeded"), "{zone}: {said}");
        }
        let left =
            |place: &Place<'_>| place.left("dbo.ClientAccessTokens", "right(CAST(Id AS text), 1)");
        assert_eq!(left(&ed_fi), ["1", "3", "5"], "{zone}");
        // East of Greenwich the living go, west of it the dead stay.
        let expected: &[&str] = if zone == "Asia/Tokyo" { &[] } else { &["1", "2", "3", "4", "5"] };
        assert_eq!(left(&theirs), expected, "{zone}");
        let tokens = wso2.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID");
        assert_eq!(tokens, ["T1", "T2", "T3", "T4", "T6", "T7", "T8", "TY"], "{zone}");
        // After a run the agent has reckoned the next one, in its own sessions' zone.
        let next = format!(
            "SELECT DISTINCT to_char(jobnextrun AT TIME ZONE '{zone}', 'HH24:MI') FROM pgagent.pga_job WHERE jobid <> 1000"
        );
        assert_eq!(server.execute("postgres", &next).trim(), "03:00", "{zone}");
        let jobs = "SELECT COUNT(*), COUNT(DISTINCT jobname) FROM pgagent.pga_job";
        assert_eq!(server.execute("postgres", jobs).trim(), "3\t3");
        let (code, said) = schedule(&wso2, &[&beside[..], &["--remove"]].concat());
        assert!(code == Some(0) && wso2.call().is_err(), "{said}");
        assert_eq!(server.execute("postgres", jobs).trim(), "2\t2");
    }
}

fn database(server: &Server) -> String {
    server.fresh_database().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn a_step_that_fails_has_the_job_fail_and_a_user_without_the_right_is_told() {
    let server = server("Asia/Tokyo");
    let place = Place::within(&server, "postgres", "edfi-ods");
    let (code, said) = schedule(&place, &["--at", "*/30 * * * *", "--install"]);
    assert_eq!(code, Some(0), "{said}");
    place.execute("ALTER TABLE dbo.ClientAccessTokens ALTER Expiration TYPE timestamptz");
    let first = agent(&server, "postgres");
    run_all(&server, 1);
    let (code, said) = schedule(&place, &["--check"]);
    assert!(code == Some(3) && said.contains("failed") && said.contains("another type"), "{said}");
    assert_eq!(place.left("dbo.ClientAccessTokens", "Id").len(), 5);
    // Its log outlives a change.
    let (_, said) = schedule(&place, &["--at", "@daily", "--install"]);
    assert!(said.contains("installed"), "{said}");
    assert_eq!(place.execute("SELECT COUNT(*) FROM pgagent.pga_joblog"), "1");
    drop(first);
    place.execute(
        "CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA pgagent TO plain; GRANT ALL ON ALL TABLES IN SCHEMA pgagent TO plain; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA pgagent TO plain; GRANT TEMPORARY ON DATABASE postgres TO plain",
    );
    let gone = "SELECT 1 FROM pgagent.pga_jobagent JOIN pg_stat_activity ON pid = jagpid";
    assert!(
        wait::until(Duration::from_mins(1), || place.execute(gone).is_empty().then_some(()))
            .is_some()
    );
    let _second = agent(&server, "plain");
    let (code, said) = schedule(&place, &["--check"]);
    assert!(code == Some(3) && said.contains("GRANT EXECUTE ON PROCEDURE"), "{said}");
}

#[test]
fn a_job_of_somebody_else_and_what_is_missing_are_refused_with_what_to_do() {
    let server = server("UTC");
    let place = Place::within(&server, "postgres", "edfi-ods");
    let install = ["--at", "0 3 * * *", "--install"];
    place.execute("DROP EXTENSION pgagent");
    let (code, said) = schedule(&place, &install);
    assert!(code == Some(2) && said.contains("--agent-database"), "{said}");
    let (_, text) = schedule(&place, &install[..2]);
    assert!(server.try_execute("postgres", &text).unwrap_err().contains("no pgAgent"));
    place.execute(
        "CREATE EXTENSION pgagent; INSERT INTO pgagent.pga_job (jobjclid, jobname, jobdesc) VALUES (1, 'tokenkeeper-edfi-ods', 'mine')",
    );
    for more in [&install[..], &["--check"], &["--remove"]] {
        let (code, said) = schedule(&place, more);
        assert!(code == Some(2) && said.contains("rename it"), "{said}");
    }
    // The text that is printed refuses it as well.
    assert!(server.try_execute("postgres", &text).unwrap_err().contains("rename it"));
    let jobs = "SELECT jobdesc FROM pgagent.pga_job";
    assert_eq!(place.execute(jobs), "mine");
    assert_eq!(place.execute("SELECT COUNT(*) FROM pgagent.pga_jobstep"), "0");
    place.execute("DELETE FROM pgagent.pga_job");
    for _ in 0..2 {
        server.execute("postgres", &text);
    }
    assert_eq!(place.execute(jobs), "tokenkeeper-worker schedule: policy edfi-ods");
    let told = "SELECT jstdbname, jstcode, jstonerror FROM pgagent.pga_jobstep";
    assert!(place.execute(told).starts_with("postgres\tCALL tokenkeeper_clean_edfi_ods()"));
    place.execute("UPDATE pgagent.pga_job SET jobenabled = false");
    let (code, said) = schedule(&place, &["--check"]);
    assert!(code == Some(3) && said.contains("not active"), "{said}");
    assert_eq!(schedule(&place, &install).0, Some(0));
    assert_eq!(place.execute("SELECT jobenabled FROM pgagent.pga_job"), "t");
    for (at, zone, word) in [
        ("0 3 31 * *", "UTC", "28"),
        ("0 3 * * *", "Europe/Zurich", "--zone"),
        ("0 3 * * *", "Europa/Zurich", "Europa/Zurich"),
        ("0 25 * * *", "UTC", "25"),
    ] {
        let (code, said) = schedule(&place, &["--at", at, "--zone", zone]);
        assert!(code == Some(2) && said.contains(word), "{at}: {said}");
    }
}

#[test]
fn a_user_without_rights_is_told_which() {
    let server = server("UTC");
    let place = Place::within(&server, "postgres", "edfi-ods");
    place.execute("CREATE ROLE plain LOGIN");
    let plain = server.url("postgres").replace("postgres@", "plain@");
    let (code, said) = schedule(&place, &["--check", "--database", &plain]);
    assert!(code == Some(2) && said.contains("GRANT USAGE ON SCHEMA pgagent"), "{said}");
    place.execute(
        "GRANT USAGE ON SCHEMA pgagent TO plain; GRANT ALL ON ALL TABLES IN SCHEMA pgagent TO plain; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA pgagent TO plain",
    );
    // It may not read the server's files either, which say the zone.
    let install = ["--at", "0 3 * * *", "--install", "--database", &plain];
    let (code, said) = schedule(&place, &install);
    assert!(code == Some(2) && said.contains("--agent-zone"), "{said}");
}
