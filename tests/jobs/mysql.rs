//! The procedure and the event for MySQL, on MariaDB or MySQL, and what `schedule mysql-event` says of them.

use std::time::Duration;

use crate::{
    harness::{product::Product, servers::Server, wait},
    place::{Place, ZONES},
};

/// A server in a zone whose scheduler runs, or does not.
fn server(zone: &str, scheduler: &str) -> Server {
    let mut recipe = Product::mysql().recipe();
    recipe.variables.push(("OPTIONS", format!("--event-scheduler={scheduler}")));
    let server = Server::made(Product::mysql(), &recipe);
    server.live_in(zone);
    server
}

/// Rows as text, without what a run says of itself, and times, which differ.
fn told(place: &Place<'_>, table: &str) -> Vec<String> {
    let columns = place.execute(&format!(
        "SELECT COALESCE(GROUP_CONCAT(CONCAT('COALESCE(HEX(', column_name, '), 0)') ORDER BY column_name SEPARATOR ', ''|'', '), '0') \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name NOT LIKE '%TIME%' \
         AND column_name NOT IN ('tokenkeeper_run', 'tokenkeeper_batch', 'tokenkeeper_row', 'tokenkeeper_deleted_at')"
    ));
    let is_there = columns != "0";
    let sql = format!("SELECT CONCAT({columns}) FROM {table} ORDER BY 1");
    if is_there { place.execute(&sql).lines().map(str::to_owned).collect() } else { Vec::new() }
}

#[test]
fn a_procedure_deletes_and_keeps_what_cleanup_does_in_each_zone() {
    for zone in ZONES {
        let server = server(zone, "OFF");
        for policy in ["wso2-token", "wso2-session"] {
            let (ours, other) =
                (Place::new(&server, zone, policy), Place::new(&server, zone, policy));
            let done = other.worker(&["cleanup", policy, "--apply", "--max-fraction", "1"]).run();
            assert_eq!(done.code, Some(0), "{zone}, {policy}: {done:?}");
            ours.make();
            ours.call().unwrap_or_else(|error| panic!("{zone}, {policy}: {error}"));
            let tables = ours.policy.targets.iter().flat_map(|target| {
                std::iter::once(&target.table)
                    .chain(target.children.iter().map(|child| &child.table))
            });
            let mut rows = 0;
            for table in tables {
                for table in [table.to_string(), format!("tokenkeeper_backup_{table}")] {
                    let found = told(&ours, &table);
                    assert_eq!(found, told(&other, &table), "{zone}, {policy}, {table}");
                    rows += found.len();
                }
            }
            assert!(rows > 5, "{zone}, {policy}");
            let history = ours.worker(&["cleanup", "status"]).run();
            assert_eq!(history.code, Some(0), "{history:?}");
        }
    }
}

#[test]
fn an_event_cleans_by_itself_in_each_zone() {
    for zone in ZONES {
        let server = server(zone, "ON");
        let place = Place::new(&server, zone, "wso2-token");
        let schedule = |more: &[&str]| {
            let mut program = place.worker(&["schedule", "mysql-event", "wso2-token"]).args(more);
            let done = program.run();
            (done.code, format!("{}{}", done.stdout, done.stderr))
        };
        assert_eq!(schedule(&["--check"]).0, Some(3));
        // Twice is once.
        for _ in 0..2 {
            let (code, said) = schedule(&["--at", "@every 1s", "--install"]);
            assert_eq!(code, Some(0), "{said}");
        }
        let done = "SELECT COUNT(*) FROM information_schema.tables JOIN tokenkeeper_cleanup_runs ON status = 'done' \
                    WHERE table_schema = DATABASE() AND table_name = 'tokenkeeper_cleanup_runs'";
        let ended =
            || (place.server.try_execute(&place.database, done).ok()?.trim() != "0").then_some(());
        assert!(wait::until(Duration::from_mins(1), ended).is_some(), "{zone}");
        let left = place.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID");
        assert_eq!(left, ["T1", "T2", "T3", "T4", "T6", "T7", "T8", "TY"], "{zone}");
        assert_eq!(place.left("IDN_OAUTH2_AUTHORIZATION_CODE", "CODE_ID"), ["C1", "C3"], "{zone}");
        assert_eq!(place.left("IDN_OIDC_REQ_OBJ_CLAIM_VALUES", "ID"), ["200"], "{zone}");
        // Rarely from now on, so that no start lies between the run and the look.
        assert_eq!(schedule(&["--at", "@yearly", "--install"]).0, Some(0));
        let (code, said) = schedule(&["--check"]);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = schedule(&["--remove"]);
        assert!(code == Some(0) && said.contains("removed"), "{said}");
        let events =
            "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()";
        assert_eq!(place.execute(events), "0");
    }
}

#[test]
fn an_event_of_somebody_else_and_a_scheduler_that_is_off_are_told() {
    let server = server("Asia/Tokyo", "OFF");
    let place = Place::new(&server, "Asia/Tokyo", "wso2-token");
    let schedule = |more: &[&str]| {
        let mut program = place.worker(&["schedule", "mysql-event", "wso2-token"]).args(more);
        let done = program.run();
        (done.code, format!("{}{}", done.stdout, done.stderr))
    };
    let install = ["--at", "0 3 * * *", "--install"];
    let (code, said) = schedule(&install);
    assert!(code == Some(2) && said.contains("SET GLOBAL event_scheduler = ON"), "{said}");
    let (_, text) = schedule(&install[..2]);
    place.execute(&text);
    let (code, said) = schedule(&["--check"]);
    assert!(code == Some(3) && said.contains("SET GLOBAL event_scheduler = ON"), "{said}");
    place.execute("SET GLOBAL event_scheduler = ON");
    assert_eq!(schedule(&["--check"]).0, Some(0));
    // The day begins at three in UTC, whatever the server's zone is.
    let at = "SELECT time_zone, TIME(starts) FROM information_schema.events WHERE event_schema = DATABASE()";
    assert_eq!(place.execute(at), "+00:00\t03:00:00");
    place.execute("DROP EVENT `tokenkeeper-wso2-token`; CREATE EVENT `tokenkeeper-wso2-token` ON SCHEDULE EVERY 1 YEAR DO SELECT 1");
    for more in [&install[..], &["--check"], &["--remove"]] {
        let (code, said) = schedule(more);
        assert!(code == Some(2) && said.contains("rename it"), "{said}");
    }
    let refused = place.server.try_execute(&place.database, &text).unwrap_err();
    assert!(refused.contains("not ours"), "{refused}");
    let events =
        "SELECT event_definition FROM information_schema.events WHERE event_schema = DATABASE()";
    assert_eq!(place.execute(events), "SELECT 1");
    let (code, said) = schedule(&["--at", "0 3 * * 1-5"]);
    assert!(code == Some(2) && said.contains("--zone UTC"), "{said}");
}

#[test]
fn a_second_run_does_nothing_and_other_tables_stay_as_they_are() {
    let server = server("America/Chicago", "OFF");
    let place = Place::new(&server, "America/Chicago", "wso2-token");
    place.make();
    let tokens = || place.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID").len();
    let all = tokens();
    let lock = "GET_LOCK(CONCAT('tokenkeeper ', LEFT(SHA2(CONCAT(DATABASE(), '.wso2-token'), 256), 40)), 9)";
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| place.execute(&format!("SELECT {lock}, SLEEP(3)")));
        let is_free = lock.replace("GET_LOCK", "IS_FREE_LOCK").replace(", 9)", ")");
        while place.execute(&format!("SELECT {is_free}")) == "1" {
            std::thread::yield_now();
        }
        assert!(place.call().unwrap().contains("nothing was done"));
        holder.join().unwrap();
    });
    assert_eq!(tokens(), all);
    place.execute("ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN MODIFY TIME_CREATED BIGINT");
    let said = place.call().unwrap_err();
    assert!(said.contains("another type"), "{said}");
    assert_eq!(tokens(), all);
}

#[test]
fn a_row_that_cannot_go_keeps_none_of_the_others() {
    let server = server("Asia/Tokyo", "OFF");
    let place = Place::new(&server, "Asia/Tokyo", "wso2-token");
    place.execute(
        "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, TOKEN_STATE, TOKEN_STATE_ID, TIME_CREATED) \
         WITH RECURSIVE digits (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM digits WHERE n < 49), \
         numbers (n) AS (SELECT a.n * 50 + b.n + 1 FROM digits AS a CROSS JOIN digits AS b) \
         SELECT CONCAT('S', n), 'REVOKED', n, '2020-01-01' FROM numbers;\nDELIMITER //\n\
         CREATE TRIGGER refuse BEFORE DELETE ON IDN_OAUTH2_ACCESS_TOKEN FOR EACH ROW \
         IF OLD.TOKEN_ID = 'S700' THEN SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'not this one'; END IF//\n",
    );
    place.make();
    let done = place.call();
    let is_kept_from_handlers = "SELECT VERSION() REGEXP '^1[1-9].*MariaDB'";
    if server.execute("mysql", is_kept_from_handlers).trim() == "1" {
        let said = done.unwrap_err();
        assert!(said.contains("not this one"), "{said}");
        let somewhere = "SELECT (SELECT COUNT(*) FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID LIKE 'S%') \
                         + (SELECT COUNT(*) FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID LIKE 'S%')";
        assert_eq!(place.execute(somewhere), "2500");
        return;
    }
    done.unwrap();
    let left = place.left("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID");
    assert_eq!(left, ["S700", "T1", "T2", "T3", "T4", "T6", "T7", "T8", "TY"]);
    let most = "SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM tokenkeeper_backup_IDN_OAUTH2_ACCESS_TOKEN \
                GROUP BY tokenkeeper_batch) batches";
    assert!(place.execute(most).parse::<u32>().unwrap() <= 1000);
    let told = place.worker(&["cleanup", "history", "--json"]).run();
    assert!(told.stdout.contains("partly") && told.stdout.contains("not this one"), "{told:?}");
}
