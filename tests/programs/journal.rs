//! The journal as an operator meets it: where it lies, what is in it, and what a full disk does.

use std::{fs, time::Duration};

use tokenkeeper_shared::seal::key::Keyring;
use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, mode, on, on_each, path, tells},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, wait};

#[test]
fn an_answer_that_a_dead_worker_left_is_found_by_doctor_and_stored_by_the_next_run() {
    on_each(|kind| {
        let stage = left_in_the_journal(kind);
        let told = stage.host.work(0, &["doctor"]);
        tells(&told, &["1 answer to replay, 0 files in use", "tokenkeeper-worker run"]);
        tells(&stage.host.work(0, &["status"]), &["1 answer waits in the journal"]);
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 stored from the journal of an earlier run\n");
        assert_eq!(stage.host.status("quartile")["generation"], 2);
        assert!(files(&stage.host).is_empty(), "what is stored is forgotten");
        assert_eq!(stage.sandbox.counts().exchanges, 2);
        tells(&stage.host.work(0, &["history", "quartile"]), &["replay", "ok"]);
    });
}

/// The verb finds the row held, by a claim of the dead worker that has not lapsed, and ends at once.
#[test]
fn what_a_refresh_replayed_before_it_found_nothing_to_do_is_in_the_history() {
    let stage = left_in_the_journal(Kind::Sqlite);
    let told = stage.host.work(0, &["refresh", "quartile"]);
    tells(&told, &["renewed at"]);
    tells(&stage.host.work(0, &["history", "quartile"]), &["replay", "ok"]);
}

#[test]
fn the_journal_is_its_owners_alone_and_holds_no_secret_in_clear() {
    on_each(|kind| {
        let stage = left_in_the_journal(kind);
        let [file] = &files(&stage.host)[..] else { panic!("one file") };
        assert_eq!(mode(file.as_ref()), 0o600);
        let text = fs::read_to_string(file).unwrap();
        let secrets = [stage.newest_refresh_token(), stage.sandbox.newest_access_token().unwrap()];
        for secret in secrets {
            assert!(!text.contains(&secret), "{kind}: in clear");
        }
        assert!(text.contains("v1."), "sealed as in the database");
    });
}

#[test]
fn a_journal_that_is_off_is_what_somebody_wanted_and_doctor_says_what_it_means() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let Stage { host, database, sandbox } = stage;
    let host = host.with("TOKENKEEPER_JOURNAL", "off");
    sql::make_due(&database);
    let run = host.work(0, &["run"]);
    assert_eq!(run.stderr, "");
    assert!(files(&host).is_empty());
    tells(&host.work(0, &["doctor"]), &["none is kept", "is lost"]);
    assert!(sandbox.is_active(&host.get("quartile")));
}

#[test]
fn a_journal_in_a_place_that_cannot_be_written_to_is_refused_with_what_to_do() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let file = stage.host.write("no-folder", "a file");
    let host = stage.host.with("TOKENKEEPER_JOURNAL", path(&file));
    let run = host.work(2, &["run"]);
    tells(&run, &["no-folder", "make it a folder that this user may write to", "off"]);
    assert_eq!(stage.sandbox.counts().exchanges, 1, "nothing was rotated before");
}

/// A disk that takes no byte more, as far as the journal is concerned: the limit on the size of
/// files is zero. SQLite would be hit by it too.
#[test]
fn a_full_disk_keeps_no_answer_from_the_database() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        sql::make_due(&stage.database);
        let line = "ulimit -f 0; trap '' XFSZ; tokenkeeper-worker run 2>&1 | \
                    grep -q 'the journal does not take the answer'";
        let ended = stage.host.shell(line);
        assert!(ended.success(), "{kind}: {ended:?}");
        assert_eq!(stage.host.status("quartile")["generation"], 2);
        assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
    });
}

/// The tutorial's own stores are not sealed.
#[test]
fn the_journal_of_a_store_in_clear_holds_no_secret_and_is_stored_by_the_next_run() {
    on_each(|kind| {
        let stage = left_by(in_clear(kind));
        let secrets = [stage.newest_refresh_token(), stage.sandbox.newest_access_token().unwrap()];
        for file in files(&stage.host) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{kind}: {file}");
            assert_eq!(mode(file.as_ref()), 0o600, "{kind}: {file}");
        }
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 stored from the journal of an earlier run\n", "{kind}");
        assert_eq!(stage.column("refresh_token"), Some(stage.newest_refresh_token()), "{kind}");
        assert_eq!(stage.sandbox.counts().exchanges, 2, "{kind}");
    });
}

#[test]
fn a_journal_whose_key_is_another_is_left_alone_and_told_of() {
    let stage = left_by(in_clear(Kind::Sqlite));
    let key = stage.host.state_folder().join("journal/key");
    let right = fs::read_to_string(&key).unwrap();
    fs::write(&key, Keyring::new_worker_key().expose()).unwrap();
    let [file] = &journals(&stage.host)[..] else { panic!("one file") };
    let before = fs::read(file).unwrap();
    let says = ["cannot be read", "not the key given here", "bring the key back"];
    tells(&stage.host.work(0, &["doctor"]), &says);
    tells(&stage.host.work(0, &["status"]), &says);
    tells(&stage.host.worker(&["run"]).run(), &says);
    assert_eq!(fs::read(file).unwrap(), before);
    fs::write(&key, right).unwrap();
    tells(&stage.host.worker(&["run"]).run(), &["from the journal"]);
    assert!(journals(&stage.host).is_empty());
}

#[test]
fn a_key_of_the_journal_that_is_none_is_told_of_before_the_provider_is_asked() {
    let stage = in_clear(Kind::Sqlite);
    let folder = stage.host.state_folder().join("journal");
    fs::write(folder.join("key"), "canary").unwrap();
    let host = stage.host.with("TOKENKEEPER_JOURNAL", path(&folder));
    let run = host.work(2, &["refresh", "quartile", "--force"]);
    tells(&run, &["journal/key", "is no key", "bring the right key back"]);
    assert!(!run.stderr.contains("canary"), "{run:?}");
    assert_eq!(stage.sandbox.counts().exchanges, 1);
}

/// A worker that died after the provider's answer and before the database had it.
fn left_in_the_journal(kind: Kind) -> Stage {
    left_by(Stage::logged_in(kind, Settings::default()))
}

/// The same stage with a store that is not sealed.
fn in_clear(kind: Kind) -> Stage {
    let stage = Stage::configured(kind, Settings::default(), &["quartile"]);
    let stage = Stage { host: stage.host.with("TOKENKEEPER_SEAL", "off"), ..stage };
    stage.host.work(0, &["run"]);
    stage
}

fn left_by(stage: Stage) -> Stage {
    let kind = stage.database.kind;
    sql::make_due(&stage.database);
    stage.sandbox.set_latency(Duration::from_millis(500));
    let worker = stage.host.worker(&["run"]).spawn();
    let asked = || (stage.sandbox.counts().exchanges == 2).then_some(());
    assert!(wait::until(LIMIT, asked).is_some(), "{kind}: the provider was not asked");
    let held = sql::Held::row(&stage.database);
    let written = || {
        let full = |file: &String| fs::metadata(file).is_ok_and(|file| file.len() > 0);
        journals(&stage.host).iter().any(full).then_some(())
    };
    assert!(wait::until(LIMIT, written).is_some(), "{kind}: nothing in the journal");
    worker.kill9();
    drop(held);
    stage.sandbox.set_latency(Duration::ZERO);
    stage
}

fn journals(host: &Host) -> Vec<String> {
    files(host).into_iter().filter(|file| file.ends_with(".journal")).collect()
}

fn files(host: &Host) -> Vec<String> {
    let Ok(entries) = fs::read_dir(host.state_folder().join("journal")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|file| path(&file).to_owned()).collect()
}

const LIMIT: Duration = Duration::from_secs(20);
