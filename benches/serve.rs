//! What the microservice adds to HTTP: requests a second and their delay beside a bare handler that
//! returns the same bytes, by the same client in turn; and its memory with 10,000 tokens.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/many_rows.rs"]
#[expect(dead_code, reason = "the table need not settle for reads by key")]
mod many_rows;
#[path = "support/plain_sql.rs"]
#[expect(dead_code, reason = "nothing is read here")]
mod plain_sql;

use std::{
    env, fs,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName},
    routing::get,
};
use many_rows::ManyRows;
use suites::harness::{
    databases::{Database, Kind},
    keeper::free_port,
    product::find,
    wait,
};
use tempfile::TempDir;
use tokenkeeper_shared::{
    seal::Seal,
    store::{Role, Store},
};
use tokio::{net::TcpListener, runtime::Runtime};

fn main() {
    let words: Vec<_> = env::args().skip(1).collect();
    if let [word, port, head, body] = &words[..]
        && word == BARE
    {
        return serve_bare(port.parse().unwrap(), head, body.clone());
    }
    let (stage, bare) = (Stage::with_tokens(), free_port());
    println!("resident before the first request: {}", stage.server.resident());
    let url = format!("http://127.0.0.1:{}/v1/tokens/{NAME}", stage.port);
    let said = stage.ask(&url);
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let bench = env::current_exe().unwrap();
    let _bare =
        Server::start(Command::new(bench).args([BARE, &bare.to_string(), head, body]), bare);
    let bare = format!("http://127.0.0.1:{bare}/v1/tokens/{NAME}");
    println!("wrk, {CONNECTIONS} connections, {SECONDS} s each, on the servers' own cores");
    println!("(target: at least 0.80 of the bare handler's rate, p99 under 5 ms)");
    for _ in 0..ROUNDS {
        let (ours, theirs) = (stage.load(&url, ONE), stage.load(&bare, ONE));
        println!(
            "serve {:8.0}/s p99 {:>8}   bare {:8.0}/s p99 {:>8}   ratio {:.2}",
            ours.rate,
            ours.p99,
            theirs.rate,
            theirs.p99,
            ours.rate / theirs.rate
        );
    }
    let each = stage.load(&format!("http://127.0.0.1:{}/", stage.port), EACH);
    println!("{TOKENS} tokens in turn  {:8.0}/s p99 {}", each.rate, each.p99);
    println!("resident then: {} (target: under 30 MB)", stage.server.resident());
}

/// A server with many tokens, and a key for it.
struct Stage {
    home: TempDir,
    key: String,
    port: u16,
    server: Server,
    _database: Database,
}

impl Stage {
    fn with_tokens() -> Self {
        let database = Database::fresh(Kind::Sqlite);
        Runtime::new().unwrap().block_on(fill(&database.url));
        let (home, port) = (tempfile::tempdir().unwrap(), free_port());
        let consumer = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tokenkeeper-consumer"));
            command.args(words).env_clear().env("HOME", home.path()).current_dir(home.path());
            command.env("TOKENKEEPER_DATABASE_URL", &database.url).env("TOKENKEEPER_SEAL", "off");
            command
        };
        let made = consumer(&["key", "new", "bench", "--token", "*"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let listen = format!("127.0.0.1:{port}");
        let server = Server::start(&mut consumer(&["serve", "--listen", &listen]), port);
        Self { home, key, port, server, _database: database }
    }

    /// Head and body of the answer.
    fn ask(&self, url: &str) -> String {
        let header = self.home.path().join("header");
        fs::write(&header, format!("Authorization: Bearer {}", self.key)).unwrap();
        let header = format!("@{}", header.display());
        let asked = Command::new("curl").args(["-sSfi", "-H", &header, url]).output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
        String::from_utf8(asked.stdout).unwrap()
    }

    /// Asks as fast as it goes.
    fn load(&self, url: &str, requests: &str) -> Loaded {
        let script = self.home.path().join("requests.lua");
        let key = format!("wrk.headers['Authorization'] = 'Bearer {}'\n", self.key);
        fs::write(&script, key + requests).unwrap();
        let mut command = Command::new(find("wrk", "wrk"));
        command.args(["-t1", "--latency", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s")]);
        command.arg("-s").arg(script);
        let output = command.arg(url).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("Non-2xx"), "{said}");
        let value = |label: &str| {
            let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
            line.unwrap_or_else(|| panic!("{said}")).trim().to_owned()
        };
        Loaded { rate: value("Requests/sec:").parse().unwrap(), p99: value("99%") }
    }
}

struct Loaded {
    rate: f64,
    p99: String,
}

/// A process that listens; it ends with this value.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let up = || TcpStream::connect(address).ok();
        wait::until(Duration::from_secs(20), up).unwrap();
        Self(child)
    }

    fn resident(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tokens of twelve hours, in clear.
async fn fill(url: &str) {
    let store = Store::open(url.parse().unwrap(), Seal::Off, Role::Worker).unwrap();
    store.migrate().await.unwrap();
    let due = store.time().await.unwrap().now().timestamp_millis() + 11 * HOUR;
    store.close().await;
    let rows = ManyRows { prefix: "token", numbers: 0..TOKENS, state: "ok", due, over: HOUR };
    plain_sql::run(Kind::Sqlite, url, &rows.insert(Kind::Sqlite)).await;
}

/// As fast as the same crates go when they have nothing to think about: each answer is the same.
fn serve_bare(port: u16, head: &str, body: String) {
    let body = Bytes::from(body);
    // What the server adds by itself.
    let own = ["date", "content-length"];
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let head: HeaderMap = fields
        .filter(|(name, _)| !own.contains(name))
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    Runtime::new().unwrap().block_on(async move {
        let answer = move || {
            let (head, body) = (head.clone(), body.clone());
            async move { (head, body) }
        };
        let router = Router::new().route("/v1/tokens/{name}", get(answer));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

const ONE: &str = "";
const EACH: &str = "\
local number = 0
request = function()
    number = (number + 1) % 10000
    return wrk.format('GET', string.format('/v1/tokens/token-%07d', number))
end
";
const BARE: &str = "bare-handler";
const NAME: &str = "token-0000000";
const TOKENS: u32 = 10_000;
const HOUR: i64 = 3_600_000;
const CONNECTIONS: u32 = 64;
const SECONDS: u32 = 8;
const ROUNDS: usize = 3;
