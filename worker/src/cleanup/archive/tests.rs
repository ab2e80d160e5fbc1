use std::fs;

use chrono::Utc;

use super::*;
use crate::cleanup::{cutoff::DatabaseClock, progress::Progress};

fn run(id: &str) -> Run {
    let clock = DatabaseClock::new(chrono::DateTime::<Utc>::MIN_UTC, 0);
    let (id, slot, progress) = (id.to_owned(), String::new(), Progress::default());
    Run { id, slot, fence: 1, clock, progress }
}

#[test]
fn one_runner_writes_a_file_and_only_its_own_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut ours = run("ours");
    let first = Archive::open(&path, "policy", &mut ours).unwrap();
    let frozen = Archive::open(&path, "policy", &mut run("ours")).unwrap_err();
    assert!(frozen.to_string().contains("another process"), "{frozen}");
    drop(first);
    let others = Archive::open(&path, "policy", &mut run("theirs")).unwrap_err();
    assert!(others.to_string().contains("not this run's"), "{others}");
    Archive::open(&path, "policy", &mut ours).unwrap();
}

#[test]
fn a_run_that_was_taken_up_goes_on_where_it_committed_last_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut ours = run("ours");
    let archive = Archive::open(&path, "policy", &mut ours).unwrap();
    let committed = archive.append(ours.progress.file.as_ref().unwrap().bytes, b"one\n").unwrap();
    archive.append(committed, b"never committed\n").unwrap();
    drop(archive);
    ours.progress.file.as_mut().unwrap().bytes = committed;
    let archive = Archive::open(Path::new("elsewhere"), "policy", &mut ours).unwrap();
    let end = archive.append(committed, b"two\n").unwrap();
    let text = zstd::decode_all(fs::File::open(&path).unwrap()).unwrap();
    assert!(text.ends_with(b"}\none\ntwo\n"), "{text:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), end);
    drop(archive);
    fs::remove_file(&path).unwrap();
    let gone = Archive::open(&path, "policy", &mut ours).unwrap_err();
    assert!(gone.to_string().contains("cut off"), "{gone}");
    assert!(!path.exists());
}
