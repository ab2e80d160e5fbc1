//! `exec`: what the command finds, what becomes of it, and what is left afterwards.

use std::{fs, path::Path, time::Duration};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, json, on_each, path, set_mode, tells},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, wait};

#[test]
fn a_command_finds_the_token_in_its_environment_and_in_a_private_file() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["a", "my-api"]);
    stage.host.work(0, &["run"]);
    let look = "printf '%s\\n' \"$A_TOKEN\" \"$(cat \"$A_TOKEN_FILE\")\" \"$X\" \"$(cat \"$X_FILE\")\"; \
                stat -c %a \"$X_FILE\" \"$(dirname \"$X_FILE\")\"; echo \"${MY_API_TOKEN-none}\"; exit 42";
    let arguments = ["exec", "a", "my-api", "--env", "X=my-api", "--", "sh", "-c", look];
    let ended = stage.host.consume(42, &arguments);
    let (a, x) = (stage.host.get("a"), stage.host.get("my-api"));
    assert_eq!(ended.stdout, format!("{a}\n{a}\n{x}\n{x}\n600\n700\nnone\n"));
    assert_eq!(ended.stderr, "");
    is_clean(&stage.host);
}

#[test]
fn the_file_is_kept_fresh_while_the_command_runs() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let wait_for_another = ": > started; while [ \"$(cat \"$QUARTILE_TOKEN_FILE\")\" = \"$QUARTILE_TOKEN\" ]; \
                                do sleep 0.05; done; cat \"$QUARTILE_TOKEN_FILE\"";
        let exec =
            stage.host.consumer(&["exec", "quartile", "--", "sh", "-c", wait_for_another]).spawn();
        has_started(&stage.host);
        sql::make_due(&stage.database);
        stage.host.work(0, &["run"]);
        let ended = exec.wait();
        assert_eq!(
            (ended.code, ended.stdout),
            (Some(0), stage.host.get("quartile")),
            "{}",
            ended.stderr
        );
        is_clean(&stage.host);
    });
}

/// `setsid`, because at a terminal an interrupt counts as the terminal's own.
#[test]
fn signals_are_passed_on() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"] {
        let command = format!(
            "trap 'echo {signal}; exit 9' {signal}; kill -s {signal} $PPID; while :; do sleep 0.05; done"
        );
        let line = format!(
            "setsid -w tokenkeeper-consumer exec quartile -- sh -c \"{}\"",
            command.replace('$', "\\$")
        );
        let ended = stage.host.script("sh", &line);
        assert_eq!(String::from_utf8_lossy(&ended.stdout), format!("{signal}\n"), "{ended:?}");
        assert_eq!(ended.status.code(), Some(9), "{signal}");
    }
}

/// The command asks for USR1 once it is interrupted: what came before that was passed on before.
#[test]
fn a_key_of_the_terminal_interrupts_the_command_once() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let child = "n=0\ntrap 'n=$((n+1)); kill -s USR1 $PPID' INT\ntrap 'echo interrupts: $n; exit 0' USR1\n\
                 : > started\nwhile :; do sleep 0.05; done\n";
    stage.host.write("child.sh", child);
    let line = "{ until [ -e started ]; do sleep 0.05; done; printf '\\003'; } | \
                script -qec 'tokenkeeper-consumer exec quartile -- sh child.sh' /dev/null";
    let ended = stage.host.script("sh", line);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("interrupts: 1\r\n"), "{ended:?}");
}

#[test]
fn a_command_that_a_signal_ends_ends_with_128_and_its_number() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let line = format!("kill -s {signal} $$");
        stage.host.consume(code, &["exec", "quartile", "--", "sh", "-c", &line]);
        is_clean(&stage.host);
    }
}

#[test]
fn a_command_that_cannot_be_started_ends_with_127_or_126() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let plain = stage.host.write("plain", "no program");
    let wrong = stage.host.write("wrong", "#!/no/such/interpreter\n");
    set_mode(&wrong, 0o700);
    for (code, kind, command) in [
        (127, "not_found", "no-such-command"),
        (127, "not_found", "/no/such/command"),
        (127, "not_found", ""),
        (127, "not_found", path(&wrong)),
        (126, "not_executable", path(&plain)),
        (126, "not_executable", "/"),
    ] {
        let told = stage.host.consume(code, &["exec", "quartile", "--", command]);
        tells(&told, &[&format!("error: {command} cannot be started")]);
        assert_eq!((told.stdout.as_str(), told.stderr.lines().count()), ("", 1));
        let object =
            json(&stage.host.consume(code, &["exec", "quartile", "--json", "--", command]).stderr);
        assert_eq!(
            (&object["error"]["code"], &object["error"]["kind"]),
            (&code.into(), &kind.into())
        );
        is_clean(&stage.host);
    }
}

#[test]
fn without_a_token_no_command_is_started() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let make = ["--", "touch", "made"];
    for (code, arguments, words) in [
        (6, &["exec", "nobody"][..], &["nobody"][..]),
        (6, &["exec", "quartile", "--env", "X=nobody"], &["nobody"]),
        (2, &["exec"], &["NAME"]),
        (2, &["exec", "bad name"], &["bad name"]),
        (2, &["exec", "--env", "X"], &["VAR=NAME"]),
        (2, &["exec", "--env", "9=quartile"], &["cannot name a variable"]),
        (2, &["exec", "quartile", "--env", "QUARTILE_TOKEN=other"], &["wanted twice"]),
        (2, &["exec", "--env", "X=quartile", "--env", "X=other"], &["wanted twice", "--env"]),
    ] {
        tells(&stage.host.consume(code, &[arguments, &make].concat()), words);
    }
    tells(&stage.host.consume(2, &["exec", "quartile"]), &["COMMAND"]);
    tells(&stage.host.consume(2, &["exec", "quartile", "--"]), &["COMMAND"]);
    assert!(!stage.host.home().join("made").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named_before_anything_starts() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let exec = stage.host.consumer(&["exec", "quartile", "--", "touch", "made"]);
    let refused = exec.env("XDG_RUNTIME_DIR", "/proc").run();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    tells(&refused, &["/proc", "XDG_RUNTIME_DIR"]);
    assert!(!stage.host.home().join("made").exists());
}

#[test]
fn what_a_killed_exec_leaves_is_taken_away_by_the_next() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let idle = "echo $$ > started; while [ -e started ]; do sleep 0.05; done";
    let mut exec = stage.host.consumer(&["exec", "quartile", "--", "sh", "-c", idle]).spawn();
    has_started(&stage.host);
    exec.signal("KILL");
    // Its command still has its streams open.
    assert!(wait::until(LIMIT, || exec.has_ended().then_some(())).is_some());
    assert_eq!(folders(&stage.host), 1);
    stage.host.consume(0, &["exec", "quartile", "--", "true"]);
    fs::remove_file(stage.host.home().join("started")).unwrap();
    is_clean(&stage.host);
}

fn has_started(host: &Host) {
    let started = host.home().join("started");
    assert!(wait::until(LIMIT, || started.exists().then_some(())).is_some(), "it does not start");
}

fn folders(host: &Host) -> usize {
    let runtime: &Path = &host.home().join("runtime");
    runtime.read_dir().map_or(0, Iterator::count)
}

#[track_caller]
fn is_clean(host: &Host) {
    assert_eq!(folders(host), 0, "a folder is left");
}

const LIMIT: Duration = Duration::from_secs(20);
