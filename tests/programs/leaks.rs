//! Secrets that must lie nowhere in clear: every file that the programs leave, whatever has happened,
//! and what their children are given.

use std::{fs, path::Path, time::Duration};

use tokenkeeper_worker::sandbox::Fault;

use super::{
    canaries::{Canaries, dresses, stage},
    host::{on_each, path},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, wait};

#[test]
fn no_secret_lies_in_a_file_after_renewals_failures_and_a_crash() {
    on_each(|kind| {
        let (stage, mut canaries) = stage(kind);
        live(&stage, &mut canaries);
        // As long as somebody is connected, SQLite's log stays.
        let _held = die_with_an_answer(&stage, &mut canaries);
        let mut searched = files_below(stage.host.home());
        if let Some(file) = stage.database.url.strip_prefix("sqlite://") {
            searched.extend(files_below(Path::new(file).parent().unwrap()));
            let names: Vec<&str> = searched.iter().map(|file| path(file.as_ref())).collect();
            assert!(names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
        }
        let journals = searched.iter().filter(|file| file.ends_with(".journal"));
        assert_eq!(journals.count(), 1, "{searched:?}");
        for file in searched.iter().filter(|file| !file.ends_with("/key")) {
            is_clean(file, &canaries, kind);
        }
    });
}

#[test]
fn a_table_of_events_holds_no_secret() {
    on_each(|kind| {
        let (stage, mut canaries) = stage(kind);
        live(&stage, &mut canaries);
        canaries.are_absent(&stage.host.work(0, &["history", "all", "--json"]));
        canaries.are_absent(&stage.host.worker(&["doctor"]).run());
        canaries.are_absent(&stage.host.worker(&["doctor", "--json"]).run());
    });
}

#[test]
fn a_command_that_gives_a_secret_gets_none_of_ours() {
    let stage = Stage::tutorials(Kind::Sqlite, <_>::default());
    let given = stage.host.home().join("given");
    let command = format!("env >{}; echo password", path(&given));
    let table = format!(
        "[tokens.other]\nprovider = \"oauth2\"\ntoken_url = \"{}\"\ngrant = \"client_credentials\"\n\
         client_id = \"client\"\nclient_secret = {{ command = [\"sh\", \"-c\", \"{command}\"] }}\n",
        stage.sandbox.token_url()
    );
    stage.host.configure(&table);
    let key = fs::read_to_string(stage.host.make_key()).unwrap();
    let host = stage.host.with("TOKENKEEPER_KEY", key.trim());
    host.worker(&["run"]).run();
    let given = fs::read_to_string(given).unwrap();
    assert!(given.contains("HOME="), "{given}");
    for ours in ["TOKENKEEPER_KEY", "DATABASE_URL", "QUARTILE_YOUR", "QUARTILE_SUBSCRIPTION"] {
        assert!(!given.contains(ours), "{ours}");
    }
}

/// Some generations, and failures that echo what they can.
fn live(stage: &Stage, canaries: &mut Canaries) {
    for fault in [None, Some(Fault::Cut { processed: false }), None, None] {
        stage.sandbox.every_answer(fault);
        stage.host.worker(&["refresh", "all", "--force"]).run();
        canaries.keep(&stage.sandbox);
    }
}

/// A worker that leaves an answer in its journal, and on SQLite a log that is not folded in.
fn die_with_an_answer(stage: &Stage, canaries: &mut Canaries) -> sql::Held {
    let before = stage.sandbox.counts().exchanges;
    stage.sandbox.set_latency(Duration::from_millis(500));
    let worker = stage.host.worker(&["refresh", "all", "--force"]).spawn();
    let asked = || (stage.sandbox.counts().exchanges > before).then_some(());
    assert!(wait::until(LIMIT, asked).is_some());
    let held = sql::Held::row(&stage.database);
    let journal = stage.host.state_folder().join("journal");
    let written = || {
        let full = |file: &String| fs::metadata(file).is_ok_and(|file| file.len() > 0);
        files_below(&journal).iter().any(full).then_some(())
    };
    assert!(wait::until(LIMIT, written).is_some());
    worker.kill9();
    canaries.keep(&stage.sandbox);
    held
}

#[track_caller]
fn is_clean(file: &str, canaries: &Canaries, kind: Kind) {
    let bytes = fs::read(file).unwrap();
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    for dress in canaries.0.iter().flat_map(|canary| dresses(canary)) {
        let dress: String = dress.bytes().map(char::from).collect();
        assert!(!text.contains(&dress), "{kind}: {dress} in {file}");
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = paths.flat_map(|below| {
        if below.is_dir() { files_below(&below) } else { vec![path(&below).to_owned()] }
    });
    below.collect()
}

const LIMIT: Duration = Duration::from_secs(20);
