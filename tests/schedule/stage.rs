//! What the files of this suite share: the worker called with `schedule`, and programs that only write down how they
//! were called.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::programs::{Finished, Program};

/// `schedule` with these words, parted by white space.
pub fn schedule(words: &str) -> Program {
    Program::worker().args(["schedule"]).args(words.split_whitespace())
}

/// What it prints; anything but success fails the test.
#[track_caller]
pub fn printed(words: &str) -> String {
    let done = schedule(words).run();
    assert_eq!(done.code, Some(0), "{words}: {done:?}");
    done.stdout
}

/// Why it is refused, with this exit code.
#[track_caller]
pub fn refused(words: &str, code: i32) -> String {
    let done = schedule(words).run();
    assert_eq!(done.code, Some(code), "{words}: {done:?}");
    assert!(done.stdout.is_empty(), "{words}: {done:?}");
    done.stderr
}

/// A folder with a program in it that stands in for one of this name: it writes its arguments down, then does `script`.
pub struct StandIn {
    folder: TempDir,
}

impl StandIn {
    pub fn new(name: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let calls = folder.path().join("calls");
        let text = format!("#!/bin/sh\necho \"$@\" >>'{}'\n{script}\n", calls.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(calls, "").unwrap();
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How it was called since it was asked last.
    pub fn calls(&self) -> Vec<String> {
        let path = self.folder.path().join("calls");
        let calls = fs::read_to_string(&path).unwrap();
        fs::write(path, "").unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    /// The path with the stand-in before all others.
    pub fn path(&self) -> String {
        format!("{}:{}", self.folder.path().display(), env::var("PATH").unwrap())
    }
}

/// Runs a program of this machine to its end.
pub fn run(name: &str, arguments: &[&str]) -> Finished {
    Program::named(name).args(arguments).run()
}

pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .map(|path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The documents of a YAML file, where they are what these versions of Kubernetes take; else what is wrong with them.
pub fn documents(yaml: &str, versions: &[&str]) -> Result<Vec<Value>, String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests"));
    let mut python = Command::new(folder.join("python/venv/bin/python"))
        .arg(folder.join("schedule/manifests.py"))
        .args(versions)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python's modules are fetched by tests/run");
    python.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    let done = python.wait_with_output().unwrap();
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&done.stdout).unwrap())
}

/// Runs the Python whose modules `tests/run` fetches.
pub fn python(arguments: &[&str]) -> Finished {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/venv/bin/python");
    run(python, arguments)
}
