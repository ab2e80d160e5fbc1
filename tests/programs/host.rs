//! A machine on which the two programs run: its home, its variables, and how a run must end.
//! Which provider and database they meet lies in `stage` and in the suites.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::{
    databases::{Kind, each},
    programs::{Finished, Program},
};

/// A home, and the variables that its programs get.
pub struct Host {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Host {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("cannot make a directory"), variables: Vec::new() }
    }

    /// Gives the programs one more variable, or another value for one.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub fn worker(&self, arguments: &[&str]) -> Program {
        self.settled(Program::worker(), arguments)
    }

    pub fn consumer(&self, arguments: &[&str]) -> Program {
        self.settled(Program::consumer(), arguments)
    }

    /// Runs the worker, which must end with this exit code.
    #[track_caller]
    pub fn work(&self, code: i32, arguments: &[&str]) -> Finished {
        ends(code, self.worker(arguments).run())
    }

    /// Runs the consumer, which must end with this exit code.
    #[track_caller]
    pub fn consume(&self, code: i32, arguments: &[&str]) -> Finished {
        ends(code, self.consumer(arguments).run())
    }

    /// The token that `get` prints, when nothing is to be said about it.
    #[track_caller]
    pub fn get(&self, name: &str) -> String {
        let got = self.consume(0, &["get", name]);
        assert_eq!(got.stderr, "", "{got:?}");
        only_line(&got.stdout)
    }

    /// What `status NAME --json` tells.
    #[track_caller]
    pub fn status(&self, name: &str) -> Value {
        json(&self.work(0, &["status", name, "--json"]).stdout)
    }

    /// Makes the worker's key where the programs look for it, and returns that place.
    pub fn make_key(&self) -> PathBuf {
        let file = self.config_folder().join("key");
        self.work(0, &["key", "new", "--file", path(&file)]);
        file
    }

    /// Writes the user's configuration file, and returns its place.
    pub fn configure(&self, text: &str) -> PathBuf {
        let file = self.config_folder().join("tokenkeeper.toml");
        fs::create_dir_all(self.config_folder()).expect("cannot make a directory");
        fs::write(&file, text).expect("cannot write the configuration");
        file
    }

    /// Writes a file into the home, readable by its owner only.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.home().join(name);
        fs::write(&file, text).expect("cannot write a file");
        set_mode(&file, 0o600);
        file
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn config_folder(&self) -> PathBuf {
        self.home().join("config/tokenkeeper")
    }

    pub fn state_folder(&self) -> PathBuf {
        self.home().join("state/tokenkeeper")
    }

    /// Runs a line of shell that finds both programs in its path.
    pub fn shell(&self, line: &str) -> ExitStatus {
        self.script("sh", line).status
    }

    /// What a shell prints for a script, which must end well and find nothing to complain of.
    #[track_caller]
    pub fn says(&self, shell: &str, script: &str) -> String {
        let output = self.script(shell, script);
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success() && err.is_empty(), "{shell}: {script}\n{out}\n{err}");
        out
    }

    /// Runs a script in a shell that finds both programs, and those below `bin`, in its path.
    pub fn script(&self, shell: &str, script: &str) -> Output {
        let test = env::current_exe().expect("a test knows its own path");
        let programs = test.parent().and_then(Path::parent);
        let programs = path(programs.expect("a test lies in target/PROFILE/deps"));
        let own = self.home().join("bin");
        let rest = env::var("PATH").unwrap_or_default();
        let ended = Command::new(shell)
            .args(["-c", script])
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("PATH", format!("{}:{programs}:{rest}", own.display()))
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join("config"))
            .env("XDG_STATE_HOME", self.home().join("state"))
            .current_dir(self.home())
            .stdin(Stdio::null())
            .output();
        ended.unwrap_or_else(|error| panic!("{shell}: {error}: install it, or call tests/run"))
    }

    fn settled(&self, program: Program, arguments: &[&str]) -> Program {
        let program = program.at_home(self.home()).args(arguments);
        let variables = self.variables.iter();
        variables.fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// Checks how a program ended, and what no end may bring: a panic, or colours for a pipe.
#[track_caller]
pub fn ends(code: i32, finished: Finished) -> Finished {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    let said = [finished.stdout.as_str(), finished.stderr.as_str()].concat();
    assert!(!said.contains("panicked") && !said.contains('\u{1b}'), "{finished:#?}");
    finished
}

/// Checks that a program told each of these, on whichever stream.
#[track_caller]
pub fn tells(finished: &Finished, words: &[&str]) {
    let said = [finished.stdout.as_str(), finished.stderr.as_str()].concat();
    for word in words {
        assert!(said.contains(word), "nothing of {word:?}: {finished:#?}");
    }
}

/// A text that is one line with its end.
#[track_caller]
pub fn only_line(text: &str) -> String {
    let line = text.strip_suffix('\n').unwrap_or_default();
    assert!(!line.is_empty() && !line.contains('\n'), "{text:?}");
    line.to_owned()
}

/// A text that is one line of JSON.
#[track_caller]
pub fn json(text: &str) -> Value {
    parsed(&only_line(text))
}

/// A line of JSON.
#[track_caller]
pub fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// Runs the test for every kind of database, side by side; the panics name the kind as their thread.
#[track_caller]
pub fn on_each(test: impl Fn(Kind) + Sync) {
    on(&each(), test);
}

/// As `on_each`, for some kinds only.
#[track_caller]
pub fn on(kinds: &[Kind], test: impl Fn(Kind) + Sync) {
    let test = &test;
    let failed: Vec<String> = thread::scope(|scope| {
        let start = |kind: &Kind| {
            let kind = *kind;
            let thread = thread::Builder::new().name(kind.to_string());
            let run = thread.spawn_scoped(scope, move || test(kind));
            (kind, run.expect("cannot start a thread"))
        };
        let runs: Vec<_> = kinds.iter().map(start).collect();
        let failed = |(kind, run): (Kind, thread::ScopedJoinHandle<'_, ()>)| {
            run.join().err().map(|_| kind.to_string())
        };
        runs.into_iter().filter_map(failed).collect()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}

/// Lets the kinds of databases share something one after the other.
pub fn in_turn(turns: &Mutex<()>) -> MutexGuard<'_, ()> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where providers in this process run, and statements past the programs.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("cannot make a runtime"))
}

pub fn mode(file: &Path) -> u32 {
    let metadata = fs::metadata(file).expect("there is such a file");
    metadata.permissions().mode() & 0o777
}

pub fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("cannot change the mode");
}

pub fn path(file: &Path) -> &str {
    file.to_str().expect("a path in UTF-8")
}
