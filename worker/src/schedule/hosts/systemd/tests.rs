//! Units as texts. Whether systemd takes them is asked by the suite `schedule`.

use super::{Credential, Manager, units};
use crate::{
    cron::{Schedule, zone},
    schedule::hosts::{Job, Task, is_ours},
};

fn job(task: Task, at: &str) -> Job {
    Job {
        name: "tokenkeeper-refresh".to_owned(),
        task,
        at: Schedule::parse(at, zone("Europe/Zurich").unwrap()).unwrap(),
        program: "/usr/local/bin/tokenkeeper-worker".to_owned(),
        config: None,
        policy_files: None,
    }
}

fn timer(at: &str) -> String {
    units(&job(Task::Refresh, at), Manager::System, &[]).unwrap().pop().unwrap().text
}

#[test]
fn an_interval_is_counted_and_a_time_of_day_is_on_the_wall_clock_of_its_zone() {
    let counted = timer("@every 90s");
    assert!(
        counted.contains("\nOnUnitActiveSec=90s\n") && !counted.contains("\nOnCalendar="),
        "{counted}"
    );
    let wall = timer("30 3 * * MON");
    assert!(wall.contains("\nOnCalendar=Mon *-*-* 03:30:00 Europe/Zurich\n"), "{wall}");
    assert!(wall.contains("\nPersistent=true\n"), "{wall}");
}

#[test]
fn either_of_two_days_is_two_lines() {
    let text = timer("0 3 13 * FRI");
    assert!(text.contains("OnCalendar=*-*-13 03:00:00 Europe/Zurich\n"), "{text}");
    assert!(text.contains("OnCalendar=Fri *-*-* 03:00:00 Europe/Zurich\n"), "{text}");
}

#[test]
fn words_mean_to_systemd_what_they_are() {
    let mut job = job(Task::Cleanup(vec!["edfi-ods".to_owned()]), "@daily");
    job.config = Some("/etc/a \"b\" 100%$x\\y.toml".to_owned());
    let service = &units(&job, Manager::System, &[]).unwrap()[0].text;
    let line = service.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(
        line.ends_with(r#"cleanup edfi-ods --apply --config "/etc/a \"b\" 100%%$$x\\y.toml""#),
        "{line}"
    );
    job.config = Some("/etc/a\nExecStart=/bin/sh".to_owned());
    assert!(units(&job, Manager::System, &[]).is_err());
}

#[test]
fn credentials_are_loaded_and_the_known_ones_named_by_their_variable() {
    let given =
        |name: &str| Credential { name: name.to_owned(), path: format!("/etc/keys/{name}") };
    let units =
        units(&job(Task::Refresh, "@every 1m"), Manager::System, &[given("key"), given("edfi")])
            .unwrap();
    let text = &units[0].text;
    assert!(
        text.contains(
            "\nLoadCredential=key:/etc/keys/key\nEnvironment=TOKENKEEPER_KEY_FILE=%d/key\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("\nLoadCredential=edfi:/etc/keys/edfi\n") && !text.contains("%d/edfi"),
        "{text}"
    );
}

#[test]
fn a_system_unit_refuses_what_its_hardening_hides() {
    let mut job = job(Task::Refresh, "@every 1m");
    job.program = "/home/me/.cargo/bin/tokenkeeper-worker".to_owned();
    let error = units(&job, Manager::System, &[]).unwrap_err().to_string();
    assert!(error.contains("--program"), "{error}");
    assert!(units(&job, Manager::User, &[]).is_ok());
}

#[test]
fn each_unit_bears_the_mark() {
    for task in [Task::Refresh, Task::Daemon, Task::Cleanup(vec!["edfi-ods".to_owned()])] {
        for unit in units(&job(task, "@daily"), Manager::System, &[]).unwrap() {
            assert!(is_ours(&unit.text), "{}", unit.text);
        }
    }
    assert!(!is_ours("[Unit]\nDescription=# Made by tokenkeeper-worker schedule\n"));
}
