//! The built programs as their users run them: as processes, with an environment of their own.
//! What they should print is the suites' concern.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};
use std::{env, fs};

use tempfile::TempDir;

use super::wait;

/// A program about to run, in a clean environment and an empty home.
pub struct Program {
    command: Command,
    home: PathBuf,
    own_home: Option<Arc<TempDir>>,
}

/// A program that runs; it is killed when this value goes.
pub struct Running {
    child: Child,
    // The home goes with the last of those who use it.
    own_home: Option<Arc<TempDir>>,
    began: Instant,
    stdout: Option<Reader>,
    stderr: Option<Reader>,
}

/// What comes out of a pipe, while it comes.
struct Reader {
    said: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// `None` after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Program {
    pub fn worker() -> Self {
        Self::in_own_home("tokenkeeper-worker")
    }

    pub fn consumer() -> Self {
        Self::in_own_home("tokenkeeper-consumer")
    }

    /// A program of this machine.
    pub fn named(name: &str) -> Self {
        Self::starting(Command::new(name))
    }

    /// Moves the program's home, for two programs that share one.
    pub fn at_home(mut self, home: &Path) -> Self {
        self.settle(home);
        self.own_home = None;
        self
    }

    /// Where the program starts, and where its HOME and XDG directories are.
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn args<Argument: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs to the end, as often as it is called; panics with the output after a minute.
    pub fn run(&mut self) -> Finished {
        self.spawn().wait()
    }

    pub fn spawn(&mut self) -> Running {
        let began = wait::stopwatch();
        let mut child = self.command.spawn().expect("cannot start the program");
        let stdout = child.stdout.take().map(read_all);
        let stderr = child.stderr.take().map(read_all);
        Running { child, own_home: self.own_home.clone(), began, stdout, stderr }
    }

    fn in_own_home(name: &str) -> Self {
        Self::starting(Command::new(built(name)))
    }

    fn starting(mut command: Command) -> Self {
        let home = tempfile::tempdir().expect("cannot make a directory");
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PATH", env::var_os("PATH").unwrap_or_default());
        let mut program = Self { command, home: PathBuf::new(), own_home: None };
        program.settle(home.path());
        program.own_home = Some(Arc::new(home));
        program
    }

    fn settle(&mut self, home: &Path) {
        home.clone_into(&mut self.home);
        self.command.current_dir(home).env("HOME", home);
        for (name, below) in XDG_DIRECTORIES {
            let directory = home.join(below);
            fs::create_dir_all(&directory).expect("cannot make a directory");
            self.command.env(name, directory);
        }
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the program as a crash would.
    pub fn kill9(mut self) -> Finished {
        self.child.kill().expect("cannot kill the program");
        self.wait()
    }

    /// Sends a signal, named without SIG.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not everywhere.
        let id = self.child.id().to_string();
        let sent =
            Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {name} to {id}");
    }

    /// Waits until the program has said this so often on stderr; panics with what it said instead.
    #[track_caller]
    pub fn complains(&self, words: &str, times: usize) {
        let heard =
            wait::until(TIME_LIMIT, || (self.said().matches(words).count() >= times).then_some(()));
        assert!(heard.is_some(), "nothing of {words:?}: {}", self.said());
    }

    /// What it has said on stderr so far.
    pub fn said(&self) -> String {
        self.stderr.as_ref().map(Reader::so_far).unwrap_or_default()
    }

    pub fn has_ended(&mut self) -> bool {
        self.ended().is_some()
    }

    /// Waits for the end; panics with the output where it does not come within a minute of the start.
    pub fn wait(mut self) -> Finished {
        let limit = TIME_LIMIT.saturating_sub(self.began.elapsed());
        let status = wait::until(limit, || self.ended());
        let took = self.began.elapsed();
        // Otherwise the readers would wait too.
        self.child.kill().ok();
        let finished = Finished {
            code: status.and_then(|status| status.code()),
            stdout: said(self.stdout.take()),
            stderr: said(self.stderr.take()),
            took,
        };
        assert!(status.is_some(), "still running after {TIME_LIMIT:?}: {finished:?}");
        finished
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("cannot wait for the program")
    }
}

impl Reader {
    fn so_far(&self) -> String {
        let said = self.said.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&said).into_owned()
    }

    fn into_text(self) -> String {
        let Self { said, thread } = self;
        thread.join().expect("the reader does not panic");
        let said = said.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The binary of the workspace, which lies above the test's own in `target/PROFILE/deps`.
pub fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps");
    let program = profile.join(name);
    assert!(program.is_file(), "{} is missing: cargo build --workspace first", program.display());
    program
}

fn read_all(mut pipe: impl Read + Send + 'static) -> Reader {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    let thread = spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut bytes) {
            heard.lock().expect("nobody panics with it").extend_from_slice(&bytes[..length]);
        }
    });
    Reader { said, thread }
}

fn said(reader: Option<Reader>) -> String {
    reader.map(Reader::into_text).unwrap_or_default()
}

const XDG_DIRECTORIES: [(&str, &str); 5] = [
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_STATE_HOME", "state"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_CACHE_HOME", "cache"),
    ("XDG_RUNTIME_DIR", "runtime"),
];

// Far more than anything here takes, on any machine.
const TIME_LIMIT: Duration = Duration::from_mins(1);
