//! Keys are written and read back whole, by one at a time, and by nobody else.

use super::*;

fn file(folder: &tempfile::TempDir) -> KeysFile {
    KeysFile(folder.path().join("deeper/keys.toml"))
}

fn key(label: &str) -> Key {
    let tokens = ["edfi", "crm"].iter().map(|word| word.parse::<Word>().unwrap()).collect();
    Key { label: label.parse().unwrap(), tokens, may_report: true }
}

fn add(file: &KeysFile, label: &str) {
    let added = |keys: &mut Keys| {
        assert!(keys.add(Digest::of(label), key(label)));
        Ok(())
    };
    file.change(added).unwrap();
}

#[test]
fn keys_read_as_they_were_written_and_only_their_owner_can() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    assert!(file.read().unwrap().is_empty());
    add(&file, "one");
    add(&file, "two");
    let keys = file.read().unwrap();
    assert_eq!(keys.all().len(), 2);
    assert_eq!(**keys.find(&Digest::of("two")).unwrap(), key("two"));
    assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.contains(&Digest::of("one").to_string()) && !text.contains("\"*\""), "{text}");
}

#[test]
fn writers_at_once_lose_nobodys_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let file = &file;
            scope.spawn(move || add(file, &format!("writer-{writer}")));
        }
    });
    assert_eq!(file.read().unwrap().all().len(), 8);
}

#[test]
fn a_file_that_others_can_read_or_change_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    add(&file, "one");
    for (mode, good) in [(0o600, true), (0o440, true), (0o604, false), (0o620, false)] {
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let read = file.read();
        assert_eq!(read.is_ok(), good, "{mode:o}");
        assert!(good || read.unwrap_err().to_string().contains("chmod 600"));
    }
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    add(&file, "one");
    let good = fs::read_to_string(file.path()).unwrap();
    let cases = [
        (good.replace("sha256 = \"", "sha256 = \"x"), "SHA-256"),
        (good.replace("report = true", "report = 1"), "line 8"),
        (good.replace("\"crm\"", "\"c r m\""), "c r m"),
        (format!("{good}\n{}", &good[good.find("[[").unwrap()..]), "two keys"),
        (good.replace("label", "lable"), "lable"),
    ];
    for (text, told) in cases {
        fs::write(file.path(), &text).unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("keys.toml"), "{error}");
    }
}
