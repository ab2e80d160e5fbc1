//! How long `tokenkeeper-consumer get NAME` and `exec` take as whole processes, and how much memory: on
//! SQLite in turn with `oidc-token`, on PostgreSQL with `psql`, on both with the least that a process takes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/figures.rs"]
mod figures;
#[path = "support/oidc_agent.rs"]
mod oidc_agent;
#[path = "support/one_token.rs"]
mod one_token;

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use figures::{Figures, ratio};
use nix::sys::resource::{UsageWho, getrusage};
use oidc_agent::{ACCOUNT, OidcAgent};
use one_token::{NAME, TOKEN, keep_a_token};
use suites::harness::{
    databases::{Database, Kind},
    product::{Product, find},
    wait::stopwatch,
};
use tokenkeeper_shared::seal::key::Keyring;

fn main() {
    if env::args().nth(1).as_deref() == Some(MEMORY) {
        print_peak_of(&env::args().skip(2).collect::<Vec<_>>());
        return;
    }
    println!("{RUNS} runs of each, in turn");
    let database = Database::fresh(Kind::Sqlite);
    let get = Contender::get(&database.url);
    let (exec, agent) = (get.as_exec(), OidcAgent::start());
    println!("\nSQLite (target: get within 2 times of oidc-token, exec adds no more; under 20 MB)");
    let medians = compare(&[Contender::floor(), Contender::oidc_token(&agent), get, exec]);
    let [floor, theirs, get, exec] = medians[..] else { unreachable!("as many as contenders") };
    println!("get / oidc-token, medians: {:.2}", ratio(get, theirs));
    println!(
        "exec of /bin/true / oidc-token and /bin/true, medians: {:.2}",
        ratio(exec, theirs + floor)
    );

    let database = Database::fresh(Kind::Postgres);
    let [get, psql] = [Contender::get(&database.url), Contender::psql(&database.url)];
    println!("\n{}, over TCP (target: no slower than psql)", Product::Postgres.version());
    let medians = compare(&[Contender::floor(), psql, get]);
    println!("get / psql, medians: {:.2}", ratio(medians[2], medians[1]));
}

/// A command line whose output holds the token, and its environment.
struct Contender {
    name: &'static str,
    words: Vec<String>,
    environment: Vec<(&'static str, String)>,
    says: &'static str,
}

impl Contender {
    /// What starting and ending any process takes.
    fn floor() -> Self {
        Self {
            name: "/bin/true",
            words: vec!["/bin/true".to_owned()],
            environment: Vec::new(),
            says: "",
        }
    }

    fn get(url: &str) -> Self {
        let key = Keyring::new_worker_key();
        let ring = Keyring::parse(&key).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(keep_a_token(url, ring.clone()));
        let key = ring.consumer_key_text().expose().to_owned();
        Self {
            name: "get",
            words: [env!("CARGO_BIN_EXE_tokenkeeper-consumer"), "get", NAME]
                .map(str::to_owned)
                .to_vec(),
            environment: vec![
                ("TOKENKEEPER_DATABASE_URL", url.to_owned()),
                ("TOKENKEEPER_KEY", key),
            ],
            says: TOKEN,
        }
    }

    /// The same token for a command that does nothing.
    fn as_exec(&self) -> Self {
        let words = [&self.words[0], "exec", NAME, "--", "/bin/true"].map(str::to_owned).to_vec();
        Self { name: "exec", words, environment: self.environment.clone(), says: "" }
    }

    fn oidc_token(agent: &OidcAgent) -> Self {
        Self {
            name: "oidc-token",
            words: vec![oidc_agent::program("oidc-token"), ACCOUNT.to_owned()],
            environment: agent.environment(),
            says: "",
        }
    }

    fn psql(url: &str) -> Self {
        let program = find(Product::Postgres.client(), Product::Postgres.package());
        let sql = format!("select access_token from tokens where name = '{NAME}'");
        let words = [&program.display().to_string(), "-X", "-A", "-t", "-c", &sql, url];
        Self {
            name: "psql",
            words: words.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            // What is stored is sealed.
            says: "v1.",
        }
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().env("HOME", "/nonexistent").current_dir("/");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self) -> Duration {
        let mut command = self.command(&self.words);
        let began = stopwatch();
        let output = command.output().expect("it starts");
        let took = began.elapsed();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.starts_with(self.says),
            "{}: {output:?}",
            self.name
        );
        took
    }

    /// In kilobytes. Asked of a fresh small process, because a child begins with its parent's peak.
    fn peak_memory(&self) -> u64 {
        let bench = env::current_exe().unwrap().display().to_string();
        let words = [&[bench, MEMORY.to_owned()], &self.words[..]].concat();
        let output = self.command(&words).output().expect("it starts");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }
}

/// Prints the figures of each and returns the medians.
fn compare(contenders: &[Contender]) -> Vec<Duration> {
    let mut lengths = vec![Vec::new(); contenders.len()];
    for round in 0..WARM_UP + RUNS {
        for (contender, lengths) in contenders.iter().zip(&mut lengths) {
            let took = contender.run();
            if round >= WARM_UP {
                lengths.push(took);
            }
        }
    }
    let show = |(contender, lengths): (&Contender, Vec<Duration>)| {
        let figures = Figures::of(lengths);
        let kilobytes = contender.peak_memory();
        println!(
            "{:>10}  {}  peak {}.{} MB",
            contender.name,
            figures.line(),
            kilobytes / 1000,
            kilobytes % 1000 / 100
        );
        figures.median()
    };
    contenders.iter().zip(lengths).map(show).collect()
}

/// Runs a command a few times and prints its largest process, in kilobytes.
fn print_peak_of(words: &[String]) {
    for _ in 0..MEMORY_RUNS {
        let output = Command::new(&words[0]).args(&words[1..]).output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
    }
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss());
}

const MEMORY: &str = "peak-memory-of";
const RUNS: usize = 300;
const WARM_UP: usize = 10;
const MEMORY_RUNS: usize = 20;
