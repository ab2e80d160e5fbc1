//! What a daemon is configured by: wrong at the start, wrong later, and what would run when.

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{ends, json, tells},
    sql,
    stage::Stage,
};
use crate::harness::databases::Kind;

const JOB: &str = "[cleanup.edfi-ods]\ndatabase = { env = \"ODS\" }\nschedule = \"0 3 * * *\"\ntime_zone = \"Europe/Zurich\"\n";

#[test]
fn a_wrong_configuration_ends_a_daemon_at_its_start_with_2_and_names_the_line() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    for (job, told) in [
        ("[cleanup.edfi-ods]\n", "line 1: [cleanup.edfi-ods]: `schedule` is missing"),
        (&JOB.replace("0 3 *", "0 33 *"), "line 3: [cleanup.edfi-ods]: schedule: the hour \"33\""),
        (
            &JOB.replace("Zurich", "Zurch"),
            "line 4: [cleanup.edfi-ods]: time_zone: there is no time zone \"Europe/Zurch\": is \"Europe/Zurich\" meant?",
        ),
        (&JOB.replace("edfi-ods", "nightly"), "there is no policy \"nightly\""),
        (&format!("{JOB}nice = 1001.0\n"), "line 5: [cleanup.edfi-ods]: nice:"),
        (&format!("{JOB}window = \"5\"\n"), "line 5: [cleanup.edfi-ods]: window:"),
        (
            &JOB.replace("{ env = \"ODS\" }", "\"postgres://u:canary@h/d\""),
            "line 2: [cleanup.edfi-ods]: database: the address holds a password",
        ),
        (
            &format!("{JOB}max_lag = \"0s\"\n"),
            "line 5: [cleanup.edfi-ods]: max_lag: a time from 1s on",
        ),
        (
            &format!("{JOB}replicas = [{{ env = \"FOLLOWER\" }}]\n"),
            "line 5: [cleanup.edfi-ods]: replicas: max_lag says",
        ),
        (
            &format!("{JOB}max_lag = \"9s\"\nreplicas = [\"postgres://u:canary@h/d\"]\n"),
            "line 6: [cleanup.edfi-ods]: replicas: the address holds a password",
        ),
        (&format!("{JOB}retries = 3\n"), "line 5"),
    ] {
        stage.host.configure(job);
        for verb in ["daemon", "run"] {
            let ended = stage.host.work(2, &[verb]);
            tells(&ended, &[told]);
            assert!(!ended.stderr.contains("canary"));
        }
    }
    stage.host.configure("");
    tells(&stage.host.work(2, &["daemon"]), &["no token is configured"]);
}

#[test]
fn a_dry_run_and_doctor_tell_the_next_three_instants() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let file = stage.host.config_folder().join("tokenkeeper.toml");
    let tokens = std::fs::read_to_string(&file).unwrap();
    stage.host.configure(&format!("{tokens}{JOB}"));
    stage.host.work(0, &["run"]);
    let told = stage.host.work(0, &["daemon", "--dry-run"]);
    tells(&told, &["tokens: a pass at the start; the first row is due at 2"]);
    let line = told.stdout.lines().find(|line| line.starts_with("cleanup edfi-ods: ")).unwrap();
    assert!(line.contains("0 3 * * * (Europe/Zurich): "), "{line}");
    assert_eq!(line.matches(" 03:00:00 CE").count(), 3, "{line}");
    let told = json(&stage.host.work(0, &["daemon", "--dry-run", "--json"]).stdout);
    assert_eq!(told["cleanups"][0]["policies"][0], "edfi-ods");
    assert_eq!(told["cleanups"][0]["next"].as_array().unwrap().len(), 3);
    let doctor = stage.host.worker(&["doctor"]).run();
    tells(&doctor, &["cleanup edfi-ods: database: neither ODS nor ODS_FILE is set"]);
    let doctor = stage.host.worker(&["doctor"]).env("ODS", "sqlite:///x").run();
    tells(&doctor, &["cleanup edfi-ods: 0 3 * * * (Europe/Zurich): "]);
    assert_eq!(stage.sandbox.counts().exchanges, 1);
}

#[test]
fn a_new_configuration_is_taken_up_and_a_wrong_one_changes_nothing() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    stage.host.work(0, &["migrate"]);
    let daemon = stage.host.worker(&["daemon"]).spawn();
    sql::wait_for(&stage.database, "name = 'quartile' AND generation = 1");
    let file = stage.host.config_folder().join("tokenkeeper.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "[tokens.").unwrap();
    daemon.signal("HUP");
    daemon.complains("warning: the configuration is as before", 1);
    sql::make_due(&stage.database);
    sql::wait_for(&stage.database, "name = 'quartile' AND generation = 2");
    std::fs::write(&file, before.replace("tokens.quartile", "tokens.second")).unwrap();
    daemon.signal("HUP");
    daemon.complains("the configuration was read anew", 1);
    sql::wait_for(&stage.database, "name = 'second' AND generation = 1");
    daemon.signal("TERM");
    ends(0, daemon.wait());
}
