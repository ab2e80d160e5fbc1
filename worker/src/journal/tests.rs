//! What is written, found again, settled and tidied.

mod clear;

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::journal::left::{Orphan, Seen, look, take};

fn prepared(name: &str) -> Prepared {
    let (id, attempt) = (Uuid::new_v4(), Uuid::new_v4());
    let line = json!({
        "id": id, "name": name, "generation": 1, "attempt": attempt, "state": "ok",
        "access_token": "sealed", "token_type": "Bearer", "refresh_token": "sealed",
        "refresh_token_previous": null, "refresh_at": 0, "failures": 0, "json_data": null,
    });
    Prepared::from_line(&line.to_string()).unwrap()
}

/// What a process that died just now would have left.
async fn left_by_the_dead(folder: &TempDir, answers: &[Prepared]) {
    left_in(folder, Values::Sealed, answers).await;
}

async fn left_in(folder: &TempDir, values: Values, answers: &[Prepared]) {
    let journal = Journal::open(folder.path(), values).unwrap();
    for answer in answers {
        journal.append(answer).await.unwrap();
    }
    drop(journal);
    // The writer's thread holds the lock until it has ended.
    while look(folder.path()).unwrap().owned > 0 {
        tokio::task::yield_now().await;
    }
}

fn orphans(folder: &Path) -> io::Result<Vec<Orphan>> {
    take(folder).map(|left| left.orphans)
}

fn names(folder: &TempDir) -> Vec<String> {
    let orphans = orphans(folder.path()).unwrap();
    let answers = orphans.iter().flat_map(|orphan| &orphan.answers);
    answers.map(|answer| answer.name().to_string()).collect()
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn what_a_dead_process_had_appended_is_found() {
    let folder = TempDir::new().unwrap();
    left_by_the_dead(&folder, &[prepared("a"), prepared("b")]).await;
    assert_eq!(names(&folder), ["a", "b"]);
}

#[tokio::test]
async fn the_file_of_a_living_process_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(folder.path(), Values::Sealed).unwrap();
    journal.append(&prepared("a")).await.unwrap();
    assert!(orphans(folder.path()).unwrap().is_empty());
    assert_eq!(look(folder.path()).unwrap(), Seen { owned: 1, ..Seen::default() });
}

#[tokio::test]
async fn who_only_looks_does_not_keep_the_next_run_from_what_the_dead_left() {
    let folder = TempDir::new().unwrap();
    left_by_the_dead(&folder, &[prepared("a")]).await;
    let looker = fs::File::open(&files(&folder)[0]).unwrap();
    looker.lock_shared().unwrap();
    let seen = look(folder.path()).unwrap();
    assert_eq!(seen, Seen { answers: 1, ..Seen::default() }, "lookers do not see each other");
    let run = thread::spawn({
        let folder = folder.path().to_owned();
        move || orphans(&folder).unwrap().len()
    });
    let is_open_twice = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        let names = open.filter_map(|handle| fs::read_link(handle.path()).ok());
        names.filter(|name| *name == files(&folder)[0]).count() > 1
    };
    while !run.is_finished() && !is_open_twice() {
        thread::yield_now();
    }
    drop(looker);
    assert_eq!(run.join().unwrap(), 1);
}

#[tokio::test]
async fn two_processes_in_one_folder_do_not_write_into_each_others_files() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (
        Journal::open(folder.path(), Values::Sealed).unwrap(),
        Journal::open(folder.path(), Values::Sealed).unwrap(),
    );
    one.append(&prepared("a")).await.unwrap();
    two.append(&prepared("b")).await.unwrap();
    assert_eq!(files(&folder).len(), 2);
}

#[tokio::test]
async fn a_torn_record_is_passed_over_and_the_others_are_read() {
    let folder = TempDir::new().unwrap();
    left_by_the_dead(&folder, &[prepared("a"), prepared("b")]).await;
    let file = &files(&folder)[0];
    let text = fs::read_to_string(file).unwrap();
    for cut in [1, 2, 20, 100] {
        fs::write(file, &text[..text.len() - cut]).unwrap();
        let found = names(&folder);
        // A line is whole without its line break too.
        assert_eq!(found.len(), if cut == 1 { 2 } else { 1 }, "{cut}");
        assert_eq!(found[0], "a");
    }
    fs::write(file, [text.as_bytes(), &[0xff, 0, b'{']].concat()).unwrap();
    assert_eq!(names(&folder), ["a", "b"]);
}

#[tokio::test]
async fn the_file_goes_when_all_in_it_is_settled() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(folder.path(), Values::Sealed).unwrap();
    let (a, b) = (prepared("a"), prepared("b"));
    journal.append(&a).await.unwrap();
    journal.append(&b).await.unwrap();
    journal.settle(&a);
    journal.rest().await;
    assert_eq!(files(&folder).len(), 1);
    journal.settle(&b);
    journal.rest().await;
    assert!(files(&folder).is_empty());
    journal.append(&a).await.unwrap();
    assert_eq!(files(&folder).len(), 1);
}

#[tokio::test]
async fn nothing_is_made_before_there_is_an_answer() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(&folder.path().join("journal"), Values::Sealed).unwrap();
    journal.rest().await;
    assert!(fs::read_dir(folder.path().join("journal")).unwrap().next().is_none());
}

#[tokio::test]
async fn a_file_grown_large_is_written_anew_with_what_is_open() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(folder.path(), Values::Sealed).unwrap();
    let open = prepared("open");
    journal.append(&open).await.unwrap();
    let mut large = prepared("large").to_line().unwrap();
    large.insert_str(1, &format!("\"padding\":\"{}\",", "x".repeat(1024 * 1024)));
    for _ in 0..6 {
        let line = large.clone();
        let (done, written) = oneshot::channel();
        let key = (Uuid::new_v4(), "large".parse().unwrap());
        let entries = &journal.0.as_ref().unwrap().entries;
        entries.send(Entry::Answer { key: key.clone(), line, done }).unwrap();
        written.await.unwrap().unwrap();
        entries.send(Entry::Settled(key)).unwrap();
    }
    journal.append(&prepared("last")).await.unwrap();
    let sizes: Vec<u64> = files(&folder).iter().map(|f| f.metadata().unwrap().len()).collect();
    assert!(sizes.len() == 1 && sizes[0] < LARGEST, "{sizes:?}");
    drop(journal);
    while look(folder.path()).unwrap().owned > 0 {
        tokio::task::yield_now().await;
    }
    let found = names(&folder);
    assert!(found.contains(&"open".to_owned()) && found.contains(&"last".to_owned()), "{found:?}");
}

#[tokio::test]
async fn folder_and_file_are_readable_by_their_owner_only() {
    let folder = TempDir::new().unwrap();
    let below = folder.path().join("journal");
    let journal = Journal::open(&below, Values::Sealed).unwrap();
    journal.append(&prepared("a")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = fs::read_dir(&below).unwrap().next().unwrap().unwrap().path();
    assert_eq!((mode(&below), mode(&file)), (0o700, 0o600));
}

#[test]
fn debug_output_of_an_answer_shows_no_secret() {
    assert!(!format!("{:?}", prepared("a")).contains("sealed"));
}

#[tokio::test]
async fn answers_of_rows_that_were_claimed_together_are_settled_one_by_one() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(folder.path(), Values::Sealed).unwrap();
    let (one, two) = (prepared("a"), prepared("b"));
    let attempt = one.attempt().to_string();
    let line = two.to_line().unwrap().replace(&two.attempt().to_string(), &attempt);
    let two = Prepared::from_line(&line).unwrap();
    journal.append(&one).await.unwrap();
    journal.append(&two).await.unwrap();
    journal.settle(&one);
    journal.rest().await;
    drop(journal);
    while look(folder.path()).unwrap().owned > 0 {
        tokio::task::yield_now().await;
    }
    assert!(names(&folder).contains(&"b".to_owned()));
}
