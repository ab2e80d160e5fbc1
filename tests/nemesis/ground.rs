//! Where a run takes place: the provider, the database with a server of its own, and the hosts.

use std::{fs, path::Path, time::Duration};

use tempfile::NamedTempFile;
use tokenkeeper_consumer::Consumer;
use tokenkeeper_shared::settings::{Environment, Settings};
use tokenkeeper_worker::sandbox::{self, Rotation, Sandbox};

use super::{
    host::{Host, runtime},
    stage::{host_of, start},
};
use crate::harness::{
    databases::{Database, Kind},
    product::Product,
    servers::Server,
};

pub struct Ground {
    pub sandbox: Sandbox,
    pub database: Database,
    pub server: Option<Server>,
    pub hosts: Vec<Host>,
    key: String,
}

impl Ground {
    /// All tokens after their first login.
    pub fn of(kind: Kind) -> Self {
        let sandbox = start(provider());
        let product = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Product::Postgres),
            Kind::MySql => Some(Product::mysql()),
        };
        let server = product.map(Server::start);
        let own = server.as_ref().map(|server| Database::on(server, kind));
        let database = own.unwrap_or_else(|| Database::fresh(kind));
        let first = host_of(&sandbox, &[]);
        let key = fs::read_to_string(first.make_key()).unwrap().trim().to_owned();
        let clocks = if kind == Kind::Sqlite { [""; 4] } else { CLOCKS };
        let hosts = clocks.map(|clock| host(&sandbox, &database, &key, clock)).into();
        let ground = Self { sandbox, database, server, hosts, key };
        ground.hosts[0].work(0, &["run"]);
        ground
    }

    /// A consumer of its own, in this process.
    pub fn consumer(&self) -> Consumer {
        // A named file: another in the usual places must not count.
        let file = NamedTempFile::new().unwrap();
        let pairs = [
            ("TOKENKEEPER_DATABASE_URL", self.database.url.as_str()),
            ("TOKENKEEPER_KEY", &self.key),
        ];
        let settings = Settings::load(&Environment::of(pairs), Some(file.path().into()));
        // A pool belongs to the runtime in which it is made.
        let _runtime = runtime().enter();
        Consumer::from_settings(settings.unwrap()).unwrap()
    }
}

pub fn names() -> Vec<String> {
    (0..TOKENS).map(|number| format!("t{number:03}")).collect()
}

/// Answers that are lost can be asked for again; old access tokens live on.
fn provider() -> sandbox::Settings {
    sandbox::Settings {
        access_lifetime: LIFE,
        rotation: Rotation::Grace(GRACE),
        // Many a worker dies with a request on its way.
        latency: Duration::from_millis(150),
        ..sandbox::Settings::default()
    }
}

fn host(sandbox: &Sandbox, database: &Database, key: &str, clock: &str) -> Host {
    let names = names();
    let host = host_of(sandbox, &names.iter().map(String::as_str).collect::<Vec<_>>())
        .with("DATABASE_URL", &database.url)
        .with("TOKENKEEPER_KEY", key);
    let file = host.config_folder().join("tokenkeeper.toml");
    let text = fs::read_to_string(file).unwrap();
    let table = "provider = \"quartile\"\n";
    let window = format!("{table}replay_window = \"{}s\"\n", GRACE.as_secs());
    host.configure(&text.replace(table, &window));
    if clock.is_empty() { host } else { with_clock(host, clock) }
}

/// Delays and bounds go by the monotonic clock, which no machine has wrong.
fn with_clock(host: Host, clock: &str) -> Host {
    host.with("LD_PRELOAD", faketime())
        .with("FAKETIME", clock)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

fn faketime() -> String {
    let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let folders = libraries.map(|folder| folder.path()).chain([Path::new("/usr/lib").to_owned()]);
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    let found = found.into_iter().find(|library| library.is_file());
    let found = found.expect("install the Debian package faketime, or call tests/run");
    found.to_str().expect("a path in UTF-8").to_owned()
}

pub const TOKENS: usize = 200;
/// Renewed after some six seconds. The shortest life that a timer keeps is ten.
const LIFE: Duration = Duration::from_secs(12);
/// Longer than a lease.
const GRACE: Duration = Duration::from_secs(120);
/// Of each host.
const CLOCKS: [&str; 4] = ["", "", "+10m", "-10m"];
