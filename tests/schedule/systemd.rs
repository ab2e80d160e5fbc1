//! Units: read by systemd's own programs; put in place, looked at, removed. Where a manager would be asked, a stand-in
//! for `systemctl` writes down the order of the calls, and nothing more is shown by that.

use std::{collections::BTreeSet, fs};

use chrono::{DateTime, Utc};
use tokenkeeper_worker::cron::{Schedule, zone};

use crate::{
    harness::programs::Program,
    stage::{StandIn, names_in, refused, schedule},
};

/// A program that is everywhere, where systemd's checker looks whether it can be started.
const PROGRAM: &str = "--program /bin/true";

#[test]
fn systemd_takes_the_units() {
    for job in [
        "--at 5,35/10%3-6%*%*%mon-fri --zone Europe/Zurich",
        "--credential key=/etc/tokenkeeper/key --credential edfi=/etc/tokenkeeper/edfi",
        "--refresh --cleanup edfi-ods --cleanup wso2-token",
        "--cleanup edfi-ods --at 0%3%13%*%FRI --zone America/Chicago",
        "--daemon",
    ] {
        for manager in ["", "--user"] {
            let folder = tempfile::tempdir().unwrap();
            let words = format!(
                "systemd {PROGRAM} {manager} --install --unit-dir {}",
                folder.path().display()
            );
            let words = words.split_whitespace().map(str::to_owned);
            // A `%` stands for the blanks within a schedule.
            let words = words.chain(job.split_whitespace().map(|word| word.replace('%', " ")));
            let done = Program::worker().args(["schedule"]).args(words).run();
            assert_eq!(done.code, Some(0), "{job}: {done:?}");
            let units = names_in(folder.path());
            assert!(!units.is_empty(), "{job}");
            let paths = units.iter().map(|name| folder.path().join(name).display().to_string());
            let arguments = manager
                .split_whitespace()
                .map(str::to_owned)
                .chain(["verify".to_owned()])
                .chain(paths);
            let verified = Program::named("systemd-analyze").args(arguments).run();
            assert_eq!(
                (verified.code, verified.stderr.as_str()),
                (Some(0), ""),
                "{job} {manager}: {verified:?}"
            );
        }
    }
}

/// What systemd says of a calendar, from this instant on.
fn elapses(calendars: &[String], from: &str, count: usize) -> Vec<DateTime<Utc>> {
    let mut all = BTreeSet::new();
    for calendar in calendars {
        let base = format!("--base-time={from}");
        let iterations = format!("--iterations={count}");
        let said = Program::named("systemd-analyze")
            .env("TZ", "UTC")
            .args(["calendar", &base, &iterations, calendar])
            .run();
        assert_eq!(said.code, Some(0), "{calendar}: {said:?}");
        let marked = ["Next elapse: ", "Iteration #", "Iter. #"];
        for line in said
            .stdout
            .lines()
            .map(str::trim)
            .filter(|line| marked.iter().any(|mark| line.starts_with(mark)))
        {
            let text = line.split_once(": ").unwrap().1;
            let naive =
                chrono::NaiveDateTime::parse_from_str(text, "%a %Y-%m-%d %H:%M:%S UTC").unwrap();
            all.insert(naive.and_utc());
        }
    }
    all.into_iter().take(count).collect()
}

#[test]
fn systemd_reads_a_calendar_as_the_schedule_is_meant() {
    for (at, zone_name) in [
        ("0 3 * * *", "UTC"),
        ("30 3 * * mon-fri", "Europe/Zurich"),
        ("*/15 9-17 * * *", "Asia/Tokyo"),
        ("0 3 13 * FRI", "America/Chicago"),
        ("15 0/4 1,15 jan,jul ?", "UTC"),
        ("20 0 3 * * 7", "UTC"),
        ("0 0/30 * 1/1 * ? *", "UTC"),
        ("@weekly", "Europe/Zurich"),
    ] {
        let done = Program::worker()
            .args([
                "schedule",
                "systemd",
                "--program",
                "/bin/true",
                "--at",
                at,
                "--zone",
                zone_name,
            ])
            .run();
        assert_eq!(done.code, Some(0), "{at}: {done:?}");
        let lines = done.stdout.lines().filter_map(|line| line.strip_prefix("OnCalendar="));
        let calendars: Vec<String> = lines.map(str::to_owned).collect();
        let from: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let wanted = Schedule::parse(at, zone(zone_name).unwrap()).unwrap().upcoming(from, 12);
        assert_eq!(
            elapses(&calendars, "2026-11-22 12:00:00 UTC", 12),
            wanted,
            "{at} {zone_name}: {calendars:?}"
        );
    }
}

#[test]
fn units_are_put_there_once_brought_up_to_date_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let words =
        |rest: &str| format!("systemd {PROGRAM} --unit-dir {} {rest}", folder.path().display());
    let done = |rest: &str| schedule(&words(rest)).run();
    assert_eq!(done("--check").code, Some(3), "nothing is there");
    assert_eq!(done("--install --refresh --cleanup edfi-ods").code, Some(0));
    let units = ["cleanup.service", "cleanup.timer", "refresh.service", "refresh.timer"];
    assert_eq!(names_in(folder.path()), units.map(|unit| format!("tokenkeeper-{unit}")));
    let again = done("--install --refresh --cleanup edfi-ods");
    assert!(again.code == Some(0), "{again:?}");
    assert_eq!(done("--check --refresh --cleanup edfi-ods").code, Some(0));
    let other = done("--check --at @daily");
    assert!(
        other.code == Some(3) && other.stdout.contains("--install brings it up to date"),
        "{other:?}"
    );
    assert_eq!(done("--install --at @daily").code, Some(0));
    assert_eq!(done("--check --at @daily").code, Some(0));
    assert_eq!(done("--remove").code, Some(0));
    assert_eq!(names_in(folder.path()).len(), 2, "the clean-up's stay");
    let none = done("--remove");
    assert!(none.code == Some(0) && none.stderr.contains("was not there"), "{none:?}");
}

#[test]
fn a_unit_of_the_same_name_that_is_not_ours_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("tokenkeeper-refresh.timer");
    fs::write(&theirs, "[Timer]\nOnBootSec=1\n").unwrap();
    for verb in ["--install", "--remove"] {
        let words = format!("systemd {PROGRAM} {verb} --unit-dir {}", folder.path().display());
        let error = refused(&words, 2);
        assert!(error.contains("is not ours") && error.contains("--name"), "{error}");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "[Timer]\nOnBootSec=1\n");
        assert_eq!(names_in(folder.path()), ["tokenkeeper-refresh.timer"], "{verb}");
    }
    let check =
        schedule(&format!("systemd {PROGRAM} --check --unit-dir {}", folder.path().display()))
            .run();
    assert!(check.code == Some(3) && check.stdout.contains("is not ours"), "{check:?}");
}

const MANAGER: &str = r#"
case "$*" in
*show*.timer) printf 'UnitFileState=enabled\nActiveState=active\nLastTriggerUSec=Sun 2026-11-22 03:00:00 UTC\n' ;;
*show*.service) cat "$(dirname "$0")/service" ;;
esac"#;

#[test]
fn the_manager_is_told_in_order_and_asked_how_the_last_run_ended() {
    let systemctl = StandIn::new("systemctl", MANAGER);
    let config = tempfile::tempdir().unwrap();
    let done = |rest: &str| {
        let words = format!("systemd --user {PROGRAM} {rest}");
        schedule(&words).env("PATH", systemctl.path()).env("XDG_CONFIG_HOME", config.path()).run()
    };
    let plain = |call: &str| format!("--no-pager --no-ask-password --user {call}");
    let enable = plain("enable --now tokenkeeper-refresh.timer");
    assert_eq!(done("--install").code, Some(0));
    assert_eq!(systemctl.calls(), [plain("daemon-reload"), enable.clone()]);
    assert!(config.path().join("systemd/user/tokenkeeper-refresh.timer").is_file());
    assert_eq!(done("--install").code, Some(0));
    assert_eq!(systemctl.calls(), [plain("daemon-reload"), enable.clone()], "nothing has changed");
    assert_eq!(done("--install --at @daily").code, Some(0));
    let restart = plain("restart tokenkeeper-refresh.timer");
    assert_eq!(systemctl.calls(), [plain("daemon-reload"), enable, restart]);
    for (said, code, told) in [
        ("Result=success\n", 0, "last run Sun 2026-11-22 03:00:00 UTC"),
        ("Result=exit-code\nExecMainStatus=4\n", 3, "the last run failed (exit-code, 4)"),
    ] {
        fs::write(systemctl.folder().join("service"), said).unwrap();
        let check = done("--check --at @daily");
        assert_eq!(check.code, Some(code), "{check:?}");
        assert!(check.stdout.contains(told), "{check:?}");
    }
    systemctl.calls();
    assert_eq!(done("--remove").code, Some(0));
    let disable = plain("disable --now tokenkeeper-refresh.timer");
    assert_eq!(systemctl.calls(), [disable, plain("daemon-reload")]);
    assert!(names_in(&config.path().join("systemd/user")).is_empty());
}

#[test]
fn without_a_manager_it_says_so() {
    // A home of its own has no bus.
    let done = schedule(&format!("systemd --user {PROGRAM} --install")).run();
    assert_eq!(done.code, Some(7), "{done:?}");
    assert!(done.stderr.contains("--unit-dir"), "{done:?}");
}

#[test]
fn wrong_words_are_refused_with_what_to_write() {
    for (words, told) in [
        ("systemd --at 61", "fields"),
        ("systemd --zone Europe/Zurch", "Europe/Zurich"),
        ("systemd --name Big", "lower-case"),
        ("systemd --daemon --cleanup edfi-ods", "cannot be used with"),
        ("systemd --install --remove", "cannot be used with"),
        ("systemd --credential key", "NAME=PATH"),
        ("systemd --program /home/me/tokenkeeper-worker", "--program"),
    ] {
        let error = refused(words, 2);
        assert!(error.contains(told), "{words}: {error}");
    }
    assert!(refused("systemd --cleanup no-such", 6).contains("cleanup policies"));
}
