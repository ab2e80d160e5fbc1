//! Jobs for databases that cannot be run here: parsed by others' parsers, and held against texts that were read.

use std::{env, fs, path::Path};

use serde_json::json;

use crate::{
    harness::{long, programs::Program},
    parsers::python,
};

fn schedule(target: &str, policy: &str, more: &[&str]) -> (Option<i32>, String) {
    let done = Program::worker().args(["schedule", target, policy]).args(more).run();
    (done.code, format!("{}{}", done.stdout, done.stderr))
}

fn printed(target: &str, policy: &str, at: &str) -> String {
    let (code, text) = schedule(target, policy, &["--at", at]);
    assert_eq!(code, Some(0), "{text}");
    // What clients read before the database does.
    assert!(text.is_ascii() && !text.contains("$(") && !text.contains('&'), "{text}");
    assert!(!text.lines().any(|line| line.trim() == "GO"), "{text}");
    assert!(text.contains("NEVER RUN"), "{text}");
    text
}

/// Holds a text against the file that somebody has read, or writes that.
fn is_as_read(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/jobs/golden").join(name);
    let text = text.replace(
        concat!("tokenkeeper-worker ", env!("CARGO_PKG_VERSION")),
        "tokenkeeper-worker VERSION",
    );
    if env::var_os(GOLDEN).is_some() {
        fs::write(&file, &text).unwrap();
    }
    let read = fs::read_to_string(&file).unwrap_or_default();
    let differs = text.lines().zip(read.lines()).find(|(new, old)| new != old);
    assert!(
        text == read,
        "{name}: {differs:?}: read it, and write it by TOKENKEEPER_TEST_GOLDEN=1"
    );
}

/// Asks the parsers, for whom a text takes seconds: in the long runs, as one that is as it was read was understood
/// then; and when the files are written.
fn understood(dialect: &str, texts: &[&str]) {
    if !long::is_wanted() && env::var_os(GOLDEN).is_none() {
        return;
    }
    let jobs = texts.iter().map(|text| json!({ "dialect": dialect, "script": text })).collect();
    for (text, wrong) in texts.iter().zip(python("parse", jobs)) {
        assert_eq!(wrong, json!([]), "{text}");
    }
}

#[test]
fn a_job_of_sql_servers_agent_is_understood_by_parsers_and_as_it_was_read() {
    for (policy, at) in [("edfi-ods", "*/30 * * * *"), ("wso2-token", "0 3,15 1 * MON")] {
        let text = printed("sqlserver-agent", policy, at);
        is_as_read(&format!("{policy}.sqlserver-agent.sql"), &text);
        let (before, rest) = text.split_once("DECLARE @command nvarchar(max) = N'").unwrap();
        // The text's end: the first quote that is none of two.
        let doubled = rest.replace("''", "\0\0");
        let (step, after) = rest.split_at(doubled.find('\'').unwrap());
        let step = step.replace("''", "'");
        let script = Program::worker()
            .args(["cleanup", "script", policy, "--dialect", "sqlserver"])
            .run()
            .stdout;
        // It is the script, which looks only, with that one word changed.
        let body = |text: &str| text[text.find("SET NOCOUNT ON").unwrap()..].trim().to_owned();
        let applied = body(&script).replace("@apply bit = 0;", "@apply bit = 1;");
        assert!(step.contains(&applied) && step.contains("sp_getapplock"), "{step}");
        assert!(!step.contains("looks only"), "{step}");
        understood(
            "sqlserver",
            &[&step, &format!("{before}DECLARE @command nvarchar(max) = N'{after}")],
        );
    }
}

#[test]
fn a_job_of_oracles_scheduler_is_understood_by_parsers_and_as_it_was_read() {
    for (policy, at) in [("wso2-token", "0 3 * * *"), ("wso2-session", "*/30 1-5 * 1-6 MON,FRI")] {
        let text = printed("oracle-scheduler", policy, at);
        is_as_read(&format!("{policy}.oracle-scheduler.sql"), &text);
        // Nothing of SQL*Plus's variables is left outside of statements that are run as texts.
        let plain: String =
            text.split("q'[").map(|part| part.rsplit("]'").next().unwrap()).collect();
        let bound = plain
            .split(':')
            .skip(1)
            .find(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(bound, None);
        understood("oracle", &[&text]);
    }
}

#[test]
fn what_oracles_scheduler_cannot_say_or_do_is_refused_and_a_zone_is_kept() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("wso2-token", &["--at", "0 3 * * *", "--install"], "SQL*Plus"),
        ("wso2-token", &["--check"], "SQL*Plus"),
        ("wso2-token", &["--at", "0 3 1 * MON"], "either"),
        ("wso2-token", &["--at", "30 0 3 * * *"], "30 0 3"),
        ("wso2-token", &["--at", "0 3 * * *", "--zone", "Europe/Zurch"], "Europe/Zurich"),
        ("edfi-ods", &["--at", "0 3 * * *"], "generated_only"),
    ];
    for (policy, more, word) in cases {
        let (code, said) = schedule("oracle-scheduler", policy, more);
        assert!(code == Some(2) && said.contains(word), "{more:?}: {said}");
    }
    let at = ["--at", "0 3 31 * *", "--zone", "Europe/Zurich"];
    let (code, text) = schedule("oracle-scheduler", "wso2-token", &at);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("'2026-01-01 00:00:00 Europe/Zurich'"), "{text}");
    let interval = "'FREQ=DAILY;BYMONTHDAY=31;BYHOUR=3;BYMINUTE=0;BYSECOND=0'";
    assert_eq!(text.matches(interval).count(), 2, "{text}");
}

#[test]
fn what_sql_servers_agent_cannot_say_or_do_is_refused_with_what_to_do() {
    let cases: &[(&[&str], &str)] = &[
        (&["--at", "0 3 * * *", "--install"], "sqlcmd"),
        (&["--check"], "sqlcmd"),
        (&["--remove"], "sqlcmd"),
        (&["--at", "0 3 31 * *"], "28"),
        (&["--at", "0 3 * 6 *"], "month"),
        (&["--at", "1,2,4 1,2,3,5,8,13,21,22,23 * * *"], "schedules"),
        (&["--at", "0 3 * * *", "--zone", "Europe/Zurich"], "--zone"),
        (&["--at", "0 3 * * *", "--server-zone", "Europe/Zurch"], "Europe/Zurich"),
        (&["--at", "0 3 * *"], "0 3 * *"),
    ];
    for (more, word) in cases {
        let (code, said) = schedule("sqlserver-agent", "edfi-ods", more);
        assert!(code == Some(2) && said.contains(word), "{more:?}: {said}");
    }
    let (code, said) = schedule("sqlserver-agent", "django-oauth-toolkit", &["--at", "@daily"]);
    assert!(code == Some(2) && said.contains("generated_only"), "{said}");
    // The clock is the host's: in winter and in summer.
    let (_, text) = schedule(
        "sqlserver-agent",
        "edfi-ods",
        &["--at", "0 3 * * *", "--zone", "Europe/Zurich", "--server-zone", "Europe/Berlin"],
    );
    assert!(
        text.contains("NOT IN (60, 120)") && text.contains("@active_start_time = 30000"),
        "{text}"
    );
}

/// Set, it has the files written anew: read what has changed.
const GOLDEN: &str = "TOKENKEEPER_TEST_GOLDEN";
