//! The files of the corpus, and what damage makes of them. What must hold lies with each parser.

use std::{fmt, fs, path::Path};

use proptest::{
    collection,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestCaseResult, TestRunner},
};

use crate::long;

/// A file of the corpus, or what has become of one.
#[derive(Clone)]
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.bytes.escape_ascii())
    }
}

/// One thing that happens to bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Behead(Index),
    Insert(Index, &'static str),
    /// From there on it is another file, from here on.
    Splice(Index, Index, Index),
}

/// The files of one folder.
pub fn samples(folder: &str) -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    files.sort_by_key(fs::DirEntry::file_name);
    let sample = |file: &fs::DirEntry| Sample {
        name: file.file_name().into_string().unwrap(),
        bytes: fs::read(file.path()).unwrap(),
    };
    let samples: Vec<_> = files.iter().map(sample).collect();
    assert!(!samples.is_empty(), "the corpus is missing");
    samples
}

/// Checks each file of a folder, and many damaged ones.
pub fn check(folder: &str, holds: impl Fn(&[u8]) -> TestCaseResult) {
    let samples = samples(folder);
    for sample in &samples {
        holds(&sample.bytes).unwrap_or_else(|error| panic!("{sample:?}: {error}"));
    }
    // The corpus is what is kept; a case that fails becomes a file of it.
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let ended = TestRunner::new(config).run(&damaged(samples), |sample| holds(&sample.bytes));
    ended.unwrap_or_else(|error| panic!("{error}"));
}

/// Whether a text tells something that stands in the corpus where secrets do.
pub fn tells_a_secret(text: &str) -> bool {
    text.contains(CANARY)
}

fn damaged(samples: Vec<Sample>) -> impl Strategy<Value = Sample> {
    let changes = collection::vec(change(), 1..6);
    (any::<Index>(), changes).prop_map(move |(which, changes)| {
        let mut sample = which.get(&samples).clone();
        for change in changes {
            apply(&change, &mut sample.bytes, &samples);
        }
        sample
    })
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        index().prop_map(Change::Cut),
        index().prop_map(Change::Behead),
        (index(), select(INSERTED.to_vec())).prop_map(|(at, text)| Change::Insert(at, text)),
        (index(), index(), index()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ]
}

fn apply(change: &Change, bytes: &mut Vec<u8>, samples: &[Sample]) {
    let place = |index: &Index, length: usize| index.index(length + 1);
    match change {
        Change::Flip(at, with) if !bytes.is_empty() => *at.get_mut(bytes) ^= with,
        Change::Flip(..) => {}
        Change::Cut(at) => bytes.truncate(place(at, bytes.len())),
        Change::Behead(at) => drop(bytes.drain(..place(at, bytes.len()))),
        Change::Insert(at, text) => {
            let at = place(at, bytes.len());
            bytes.splice(at..at, text.bytes());
        }
        Change::Splice(at, other, from) => {
            let other = &other.get(samples).bytes;
            bytes.truncate(place(at, bytes.len()));
            bytes.extend_from_slice(&other[place(from, other.len())..]);
        }
    }
}

fn cases() -> u32 {
    if long::is_wanted() { MANY_CASES } else { CASES }
}

/// Stands in every secret of the corpus.
const CANARY: &str = "7f3a9c";

/// What parsers look at.
const INSERTED: [&str; 28] = [
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "=",
    "&",
    "%",
    ".",
    "-",
    "#",
    "<",
    " ",
    "\n",
    "\r\n",
    "\0",
    "0",
    "9999999999",
    "1e999",
    "null",
    "\u{feff}",
    "\u{202e}",
    "\"\"\"",
    "\\u0000",
];

/// A few seconds in all.
const CASES: u32 = 2_000;
/// A minute or two for configurations, each of which is a file.
const MANY_CASES: u32 = 40_000;
