//! Real database servers, private to this test process. How each product is started is in `product`.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio, id};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::coverage;
use super::keeper::{Keeper, Recipe, free_port};
use super::product::Product;
use super::wait;

/// The process's PostgreSQL, started when first asked for.
pub fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(Product::Postgres))
}

/// The process's MariaDB or MySQL, started when first asked for.
pub fn mysql() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(Product::mysql()))
}

/// A running server; a suite that kills one starts its own, which ends when it is dropped.
pub struct Server {
    product: Product,
    client: PathBuf,
    keeper: Keeper,
    port: u16,
}

impl Server {
    /// Starts a server of the test's own and waits until it answers.
    pub fn start(product: Product) -> Self {
        Self::made(product, &product.recipe())
    }

    /// The same, made in another way.
    pub fn made(product: Product, recipe: &Recipe) -> Self {
        let client = product.program(product.client());
        let keeper = Keeper::prepare(recipe);
        let mut server = Self { product, client, keeper, port: 0 };
        // Another process may take the port between the look and the start.
        let attempt = (0..3).map(|_| free_port()).find(|port| {
            server.port = *port;
            server.answers_on_its_port()
        });
        assert!(attempt.is_some(), "{product:?} does not start: {}", server.keeper.log());
        coverage::note(&product.version());
        server
    }

    /// Makes an empty database with a name of its own; returns its URL.
    pub fn fresh_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.execute(self.product.first_database(), &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database on this server, over TCP.
    pub fn url(&self, database: &str) -> String {
        let login = match self.product {
            Product::Postgres => "postgres://postgres",
            Product::MariaDb | Product::MySql => "mysql://root",
        };
        format!("{login}@127.0.0.1:{}/{database}", self.port)
    }

    pub fn product(&self) -> Product {
        self.product
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL by the server's own client; one line a row, columns parted by tabs. Panics with the client's words.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        self.try_execute(database, sql)
            .unwrap_or_else(|message| panic!("{:?} refused {sql:?}: {message}", self.product))
    }

    /// As `execute`, with the client's words as the error.
    pub fn try_execute(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut client = Command::new(&self.client)
            .env_clear()
            .args(self.product.client_arguments(self.keeper.directory(), self.port))
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cannot start the client program");
        let mut input = client.stdin.take().expect("stdin is piped");
        let output = thread::scope(|scope| {
            // A client that refuses to go on closes its input; its exit code says so.
            scope.spawn(move || input.write_all(sql.as_bytes()).ok());
            client.wait_with_output().expect("cannot wait for the client program")
        });
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }

    /// Has a MariaDB or MySQL live in a zone, whose rules a private server does not know.
    pub fn live_in(&self, zone: &str) {
        let known = format!("SELECT COUNT(*) FROM time_zone_name WHERE name = '{zone}'");
        if self.execute("mysql", &known).trim() == "0" {
            let reader = self.product.program(self.product.zone_reader());
            let file = format!("/usr/share/zoneinfo/{zone}");
            let rules = Command::new(reader).args([&file, zone]).output().expect("it was found");
            self.execute("mysql", &String::from_utf8_lossy(&rules.stdout));
        }
        self.execute("mysql", &format!("SET GLOBAL time_zone = '{zone}'"));
    }

    /// Ends the server as a crash would.
    pub fn kill(&self) {
        self.keeper.kill();
    }

    /// Starts the server again on the same data and port (after killing it, where it still runs), and waits for it.
    pub fn restart(&self) {
        self.kill();
        let restarted = self.answers_on_its_port();
        assert!(restarted, "{:?} does not start again: {}", self.product, self.keeper.log());
    }

    fn answers_on_its_port(&self) -> bool {
        self.keeper.start(self.port);
        let answer = wait::until(START_LIMIT, || {
            let answers = || self.try_execute(self.product.first_database(), "SELECT 1").is_ok();
            if answers() {
                return Some(true);
            }
            if self.keeper.is_running() { None } else { Some(false) }
        });
        answer == Some(true)
    }
}

// Slow machines that build at the same time.
const START_LIMIT: Duration = Duration::from_mins(1);
