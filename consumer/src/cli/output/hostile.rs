//! Texts that want to be run, and the shells that must not run them: for the tests of the formats.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// Has the shell read many values, each by the line that `line` makes of it, which must print the
/// value and a NUL; whatever else a value does is then seen.
#[track_caller]
pub(super) fn survive(shell: &str, line: impl Fn(&str) -> String) {
    let values = values();
    let script: String = values.iter().map(|value| line(value) + "\n").collect();
    let folder = tempfile::tempdir().unwrap();
    let started = Command::new(shell)
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child =
        started.unwrap_or_else(|error| panic!("{shell}: {error}: install it, or call tests/run"));
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let read: Vec<_> =
        output.stdout.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    assert_eq!(
        read.len(),
        values.len() + 1,
        "{shell}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    for (read, value) in read.iter().zip(&values) {
        assert_eq!(read, value, "{shell}");
    }
    assert_eq!(output.stderr, b"", "{shell}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{shell} has made a file");
}

/// Known tricks, then anything that is no control character.
fn values() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let any = "([ -~]|['\"`$\\\\;&|<>(){}!#~*?%-]|[\u{a0}-\u{ff}\u{2010}-\u{2030}]){0,24}";
    let any = proptest::string::string_regex(any).unwrap();
    let random = (0..COUNT).map(|_| any.new_tree(&mut runner).unwrap().current());
    TRICKS.iter().map(|trick| (*trick).to_owned()).chain(random).collect()
}

const TRICKS: [&str; 14] = [
    "",
    "'",
    "';touch made;'",
    "$(touch made)",
    "`touch made`",
    "\\';touch made;\\'",
    "'\\'';touch made;'",
    "a'\"'\"';touch made #",
    "> made",
    "x; touch made",
    "(touch made)",
    "!!",
    "\u{2019}; touch made; \u{2019}",
    "\\",
];

/// One shell reads them all in some milliseconds.
const COUNT: usize = 500;
