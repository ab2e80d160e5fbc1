//! A server process that ends, and leaves nothing behind, when the test process ends, be it by SIGKILL.
//! Which servers there are is not known here.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, OnceLock};

/// How `keeper.sh` makes a server; see there.
pub struct Recipe {
    /// Variables for both texts.
    pub variables: Vec<(&'static str, String)>,
    /// Shell text, run once.
    pub prepare: &'static str,
    /// Shell text that ends in `exec`.
    pub start: &'static str,
    /// A signal's name without SIG.
    pub stop: &'static str,
}

/// Holds a server; dropping it stops the server and removes its directory.
pub struct Keeper {
    directory: PathBuf,
    line: Mutex<Line>,
}

struct Line {
    orders: ChildStdin,
    replies: BufReader<ChildStdout>,
    _script: Child,
}

impl Keeper {
    /// Makes the directory and prepares it; the server does not run yet.
    pub fn prepare(recipe: &Recipe) -> Self {
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT, "keeper.sh", recipe.prepare, recipe.start, recipe.stop])
            .envs(recipe.variables.iter().map(|(name, value)| (name, value)))
            // Another user may not be able to enter the current one.
            .current_dir("/")
            // So that an interrupt at the terminal does not end the keeper before its server.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("cannot start sh");
        let orders = script.stdin.take().expect("stdin is piped");
        let replies = BufReader::new(script.stdout.take().expect("stdout is piped"));
        let mut line = Line { orders, replies, _script: script };
        let directory = PathBuf::from(line.reply());
        let prepared = line.reply();
        let keeper = Self { directory, line: Mutex::new(line) };
        assert!(prepared == "prepared", "cannot prepare the server: {}", keeper.log());
        keeper
    }

    /// Starts the server on the port; it may not answer yet.
    pub fn start(&self, port: u16) {
        self.order(&format!("start {port}"));
    }

    /// Ends the server and its children by SIGKILL; returns when they are gone.
    pub fn kill(&self) {
        self.order("kill");
    }

    pub fn is_running(&self) -> bool {
        self.order("state") == "running"
    }

    /// The server's own directory, removed in the end.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All that the server has printed.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn order(&self, order: &str) -> String {
        let mut line = self.line.lock().expect("an order to the keeper has failed before");
        writeln!(line.orders, "{order}").expect("the keeper has ended");
        line.reply()
    }
}

impl Line {
    fn reply(&mut self) -> String {
        let mut reply = String::new();
        self.replies.read_line(&mut reply).expect("the keeper has ended");
        reply.trim_end().to_owned()
    }
}

/// A port on 127.0.0.1 that nothing listens on.
pub fn free_port() -> u16 {
    let (claim, _) = CLAIM.get_or_init(|| {
        let mut blocks = (FIRST_PORT..LAST_PORT).step_by(BLOCK.into());
        blocks.find_map(|first| Some((first, listen(first)?))).expect("no block of ports is free")
    });
    (1..BLOCK)
        .map(|_| claim + 1 + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % (BLOCK - 1))
        .find(|port| listen(*port).is_some())
        .expect("no port is free")
}

fn listen(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

const SCRIPT: &str = include_str!("keeper.sh");
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
/// This process's block of ports. Whoever listens on the first one has the block: a suite that runs
/// beside this one must not take a killed server's port before it is back.
static CLAIM: OnceLock<(u16, TcpListener)> = OnceLock::new();
const BLOCK: u16 = 500;
// Below the ports that systems hand out to clients, who could take one, too.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 32_000;
