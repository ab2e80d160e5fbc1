//! `watch`: each generation once, on stdout or in a file, through outages, until it is asked to end.

use std::{fs, time::Duration};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, mode, on, on_each, parsed, path, tells},
    sql,
    stage::{Stage, status},
};
use crate::harness::{
    databases::Kind,
    proxy::Proxy,
    servers::{mysql, postgres},
    wait,
};

#[test]
fn each_generation_is_a_line_until_somebody_asks_to_end() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let note =
            "echo $TOKENKEEPER_NAME $TOKENKEEPER_GENERATION ${TOKENKEEPER_FILE-none} >> changes";
        let watch = stage.host.consumer(&["watch", "quartile", "--exec-on-change", note]).spawn();
        let first = stage.host.get("quartile");
        has_changed(&stage.host, "quartile 1 none\n");
        renew(&stage);
        has_changed(&stage.host, "quartile 1 none\nquartile 2 none\n");
        watch.signal("TERM");
        let ended = watch.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert_eq!(ended.stdout, format!("{first}\n{}\n", stage.host.get("quartile")));
    });
}

#[test]
fn a_file_has_the_newest_token_and_is_its_owners_alone() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let file = stage.host.home().join("token");
    let note = "cat \"$TOKENKEEPER_FILE\" >> changes; echo >> changes";
    let arguments = ["watch", "quartile", "--file", path(&file), "--exec-on-change", note];
    let watch = stage.host.consumer(&arguments).spawn();
    let first = format!("{}\n", stage.host.get("quartile"));
    has_changed(&stage.host, &first);
    assert_eq!(mode(&file), 0o600);
    renew(&stage);
    let second = stage.host.get("quartile");
    has_changed(&stage.host, &format!("{first}{second}\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), second);
    watch.signal("INT");
    let ended = watch.wait();
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn a_file_has_the_format_and_the_mode_that_were_asked_for() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let file = stage.host.home().join("token.env");
    let arguments =
        ["watch", "quartile", "--file", path(&file), "--mode", "0640", "--format", "dotenv"];
    // The mode is not the umask's to take from.
    let line = format!(
        "umask 077; tokenkeeper-consumer {} & until [ -e token.env ]; do sleep 0.05; done; kill $!; wait $!",
        arguments.join(" ")
    );
    stage.host.says("sh", &line);
    assert_eq!(mode(&file), 0o640);
    let line = format!("QUARTILE_TOKEN={}\n", stage.host.get("quartile"));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&line) && text.ends_with("Z\n"), "{text}");
}

#[test]
fn an_outage_of_the_database_is_told_once_and_outlived() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let server = if kind == Kind::Postgres { postgres() } else { mysql() };
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
        let url = proxy.in_url(&stage.database.url);
        let file = stage.host.home().join("token");
        let watch = stage.host.consumer(&["watch", "quartile", "--file", path(&file)]);
        let idle = "while [ ! -e end ]; do sleep 0.05; done; cat \"$QUARTILE_TOKEN_FILE\"";
        let exec = stage.host.consumer(&["exec", "quartile", "--", "sh", "-c", idle]);
        let (watch, exec) =
            (watch.env("DATABASE_URL", &url).spawn(), exec.env("DATABASE_URL", &url).spawn());
        let written = || fs::read_to_string(&file).ok();
        let first = stage.host.get("quartile");
        assert_eq!(wait::until(LIMIT, || written().filter(|token| *token == first)), Some(first));
        has_begun(&stage.host);
        for outage in 1..=2 {
            proxy.refuse();
            proxy.cut();
            for program in [&watch, &exec] {
                program.complains("going on without the database", outage);
            }
            renew(&stage);
            proxy.pass();
            for program in [&watch, &exec] {
                program.complains("the database answers again", outage);
            }
            let newest = stage.host.get("quartile");
            let seen = wait::until(LIMIT, || written().filter(|token| *token == newest));
            assert_eq!(seen, Some(newest), "{kind}");
        }
        watch.signal("TERM");
        let newest = stage.host.get("quartile");
        is_told_twice(kind, &watch.wait().stderr);
        fs::write(stage.host.home().join("end"), "").unwrap();
        let ended = exec.wait();
        assert_eq!((ended.code, ended.stdout), (Some(0), newest), "{kind}");
        is_told_twice(kind, &ended.stderr);
    });
}

#[test]
fn a_token_that_is_not_there_yet_is_waited_for() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    stage.sandbox.next_answer(status(500));
    stage.host.work(5, &["run"]);
    let watch = stage
        .host
        .consumer(&[
            "watch",
            "quartile",
            "--exec-on-change",
            "echo $TOKENKEEPER_GENERATION >> changes",
        ])
        .spawn();
    watch.complains("waiting for a token", 1);
    sql::make_due(&stage.database);
    sql::forget_logins(&stage.database);
    stage.host.work(0, &["run"]);
    has_changed(&stage.host, "1\n");
    watch.signal("HUP");
    let ended = watch.wait();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), format!("{}\n", stage.host.get("quartile")).as_str())
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn a_command_that_fails_is_told_and_one_that_hangs_does_not_keep_the_watch_from_ending() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let watch = |command| {
        stage.host.consumer(&["watch", "quartile", "--json", "--exec-on-change", command]).spawn()
    };
    let failing = watch("echo said; exit 3");
    failing.complains("--exec-on-change ended with exit status: 3", 1);
    failing.signal("TERM");
    let ended = failing.wait();
    assert_eq!(parsed(ended.stdout.trim())["access_token"], *stage.host.get("quartile"));
    tells(&ended, &["said\n"]);
    let hanging = watch("echo begun >&2; exec sleep 1000");
    hanging.complains("begun", 1);
    hanging.signal("TERM");
    assert_eq!(hanging.wait().code, Some(0));
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for (code, arguments, words) in [
        (6, &["nobody"][..], &["nobody"][..]),
        (2, &["quartile", "--format", "xml"], &["xml", "raw, json"]),
        (2, &["quartile", "--format", "template={x}"], &["{x}", "{token}"]),
        (2, &["quartile", "--format", "git-credential"], &["use them with get"]),
        (
            2,
            &["quartile", "--file", "/no/such/folder/token"],
            &["/no/such/folder/token", "cannot be written"],
        ),
        (2, &["quartile", "--file", "/proc/token"], &["/proc/token", "cannot be written"]),
        (2, &["quartile", "--file", "/"], &["/ cannot be written"]),
        (2, &["quartile", "--file", ""], &["--file"]),
        (2, &["quartile", "--file", "a", "--mode", "0666"], &["0640"]),
        (2, &["quartile", "--mode", "0600"], &["--file"]),
    ] {
        let refused = stage.host.consume(code, &[&["watch"], arguments].concat());
        assert_eq!(refused.stdout, "", "{arguments:?}");
        tells(&refused, words);
    }
}

fn renew(stage: &Stage) {
    sql::make_due(&stage.database);
    stage.host.work(0, &["run"]);
}

#[track_caller]
fn has_changed(host: &Host, expected: &str) {
    let changes = || fs::read_to_string(host.home().join("changes")).unwrap_or_default();
    let seen = wait::until(LIMIT, || (changes() == expected).then_some(()));
    assert!(seen.is_some(), "{expected:?}: {:?}", changes());
}

/// The folder of `exec` is there.
fn has_begun(host: &Host) {
    let runtime = host.home().join("runtime");
    let begun = || runtime.read_dir().ok()?.next().map(drop);
    assert!(wait::until(LIMIT, begun).is_some());
}

#[track_caller]
fn is_told_twice(kind: Kind, stderr: &str) {
    let outages = stderr.matches("going on without the database").count();
    let ends = stderr.matches("the database answers again").count();
    assert_eq!((outages, ends, stderr.lines().count()), (2, 2, 4), "{kind}: {stderr}");
}

const LIMIT: Duration = Duration::from_secs(20);
