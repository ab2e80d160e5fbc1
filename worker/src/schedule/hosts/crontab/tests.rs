//! Lines for cron, and tables around them.

use super::{file, found, lines, with, without};
use crate::{
    cron::Schedule,
    schedule::hosts::{Job, Task},
};

fn job() -> Job {
    Job {
        name: "tokenkeeper-refresh".to_owned(),
        task: Task::Refresh,
        at: Schedule::parse("*/5 * * * *", chrono_tz::Tz::UTC).unwrap(),
        program: "/usr/local/bin/tokenkeeper-worker".to_owned(),
        config: None,
        policy_files: None,
    }
}

#[test]
fn a_line_is_silent_when_all_is_well_and_a_percent_sign_is_one() {
    let mut job = job();
    job.config = Some("/etc/it's 100%.toml".to_owned());
    let text = lines(&job).unwrap();
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let expected = r"*/5 * * * * /usr/local/bin/tokenkeeper-worker run --config '/etc/it'\''s 100\%.toml' >/dev/null";
    assert_eq!(line, expected);
    assert!(file(&[job], "keeper").unwrap().contains("\n*/5 * * * * keeper /usr/local/bin/"));
}

#[test]
fn a_table_changes_between_the_marks_alone_and_comes_back() {
    let job = job();
    let ours = lines(&job).unwrap();
    for table in ["", "MAILTO=me\n0 1 * * * backup\n", "0 1 * * * backup"] {
        let put = with(table, &job, &ours).unwrap();
        assert_eq!(with(&put, &job, &ours).unwrap(), put, "once more changes nothing");
        assert_eq!(found(&put, &job).unwrap(), Some(ours.as_str()));
        assert_eq!(without(&put, &job).unwrap().trim_end(), table.trim_end());
    }
    let around = with(&format!("a\n{ours}b\n"), &job, "NEW\n").unwrap();
    assert_eq!(around, "a\nNEW\nb\n");
}

#[test]
fn damaged_marks_are_not_guessed_at() {
    let job = job();
    let ours = lines(&job).unwrap();
    let (begin, _) = ours.split_once('\n').unwrap();
    for table in [
        format!("{begin}\n0 1 * * * backup\n"),
        format!("{ours}{ours}"),
        ours.lines().rev().collect::<Vec<_>>().join("\n"),
    ] {
        assert!(with(&table, &job, &ours).is_err(), "{table}");
        assert!(without(&table, &job).is_err(), "{table}");
    }
}

#[test]
fn cron_starts_no_daemon() {
    let job = Job { task: Task::Daemon, ..job() };
    assert!(lines(&job).unwrap_err().to_string().contains("systemd"));
}
