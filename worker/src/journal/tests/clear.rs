//! The journal of a store that is kept in clear.

use std::{os::unix::fs::PermissionsExt, sync::Barrier};

use tokenkeeper_shared::seal::key::Keyring;

use super::*;

fn key(folder: &TempDir) -> PathBuf {
    folder.path().join("key")
}

#[tokio::test]
async fn an_answer_in_clear_is_in_no_file_and_found_all_the_same() {
    let folder = TempDir::new().unwrap();
    left_in(&folder, Values::Clear, &[prepared("a"), prepared("b")]).await;
    for file in files(&folder) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("sealed") && !text.contains("refresh_token"), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let left = take(folder.path()).unwrap();
    let [orphan] = &left.orphans[..] else { panic!("{left:?}") };
    let lines: Vec<String> = orphan.answers.iter().map(|a| a.to_line().unwrap()).collect();
    assert!(lines.iter().all(|line| line.contains(r#""refresh_token":"sealed""#)));
    assert_eq!(names(&folder), Vec::<String>::new(), "they are taken");
}

#[tokio::test]
async fn a_file_is_left_alone_while_its_key_is_another_or_away() {
    let folder = TempDir::new().unwrap();
    left_in(&folder, Values::Clear, &[prepared("a")]).await;
    let right = fs::read(key(&folder)).unwrap();
    let is_locked = |word: &str| {
        let left = take(folder.path()).unwrap();
        assert!(left.orphans.is_empty());
        assert_eq!(look(folder.path()).unwrap().locked, left.locked);
        let [locked] = &left.locked[..] else { panic!("{left:?}") };
        assert!(locked.to_string().contains(word), "{locked}");
    };
    fs::write(key(&folder), Keyring::new_worker_key().expose()).unwrap();
    is_locked("which is not the key given here");
    fs::write(key(&folder), "no key").unwrap();
    is_locked("is no key");
    fs::remove_file(key(&folder)).unwrap();
    is_locked("is not there");
    fs::write(key(&folder), &right).unwrap();
    fs::set_permissions(key(&folder), fs::Permissions::from_mode(0o644)).unwrap();
    is_locked("chmod 600");
    fs::set_permissions(key(&folder), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(names(&folder), ["a"]);
    let other = Keyring::new_worker_key();
    fs::write(key(&folder), [other.expose().as_bytes(), b"\n", &right].concat()).unwrap();
    assert_eq!(names(&folder), ["a"], "a second line will do");
}

#[tokio::test]
async fn a_torn_line_is_passed_over_where_lines_are_sealed() {
    let folder = TempDir::new().unwrap();
    left_in(&folder, Values::Clear, &[prepared("a"), prepared("b")]).await;
    let is_journal = |file: &PathBuf| file.extension().is_some_and(|end| end == "journal");
    let file = files(&folder).into_iter().find(is_journal).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let second = text.lines().nth(1).unwrap().len();
    for cut in [2, 20, 200, second - 20, second - 5] {
        fs::write(&file, &text[..text.len() - cut]).unwrap();
        let left = take(folder.path()).unwrap();
        let [orphan] = &left.orphans[..] else { panic!("{cut}: {left:?}") };
        assert_eq!((orphan.answers.len(), orphan.torn), (1, 1), "{cut}");
    }
}

#[test]
fn workers_that_start_at_once_make_one_key() {
    let folder = TempDir::new().unwrap();
    let gate = Barrier::new(STARTS);
    thread::scope(|scope| {
        for _ in 0..STARTS {
            scope.spawn(|| {
                gate.wait();
                let lines = Lines::of(folder.path(), Values::Clear).unwrap();
                let line = lines.write(&prepared("a")).unwrap();
                let file = folder.path().join(format!("{}.journal", Uuid::new_v4()));
                fs::write(file, line).unwrap();
            });
        }
    });
    let left = take(folder.path()).unwrap();
    assert_eq!((left.orphans.len(), left.locked.len()), (STARTS, 0));
}

#[tokio::test]
async fn what_a_store_had_left_in_clear_before_lines_were_sealed_is_still_found() {
    let folder = TempDir::new().unwrap();
    left_in(&folder, Values::Sealed, &[prepared("old")]).await;
    left_in(&folder, Values::Clear, &[prepared("new")]).await;
    assert_eq!(names(&folder), ["old", "new"]);
}

const STARTS: usize = 8;
