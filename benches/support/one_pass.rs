//! A process that does one pass and nothing else, so that its memory and its time are the pass's.
//! The bench starts itself again for it; database and provider are the bench's own.

use std::{
    collections::BTreeMap, env, fs, num::NonZeroU16, process::Command, sync::Arc, time::Duration,
};

use tokenkeeper_shared::{
    lifecycle::RefreshPolicy,
    name::TokenName,
    seal::{Seal, key::Keyring},
    secret::Secret,
    settings::{Environment, SecretRef},
    store::{Role, Store},
};
use tokenkeeper_worker::{
    config::{Config, RunSettings, TokenConfig},
    events::Events,
    exchange::Exchanger,
    http::Http,
    journal::{Journal, Values},
    pass,
    provider::{Provider, quartile::Quartile},
    sandbox::{Credentials, Sandbox},
    stop::Stop,
};
use tokio::{runtime::Runtime, time::Instant};

use crate::suites::harness::wait::stopwatch;

/// What the process is to do.
pub struct OnePass<'a> {
    pub database: &'a str,
    pub sandbox: &'a Sandbox,
    pub key: &'a Secret,
    /// So many tokens are configured: `token-0000000` and on.
    pub tokens: u32,
    pub per_host: u16,
    pub deadline: Duration,
}

/// What came of it.
pub struct Passed {
    pub refreshed: u64,
    pub logged_in: u64,
    pub failed: u64,
    pub took: Duration,
    /// The process's peak, in kilobytes.
    pub peak: u64,
}

impl OnePass<'_> {
    pub fn run(&self) -> Passed {
        let output = Command::new(env::current_exe().unwrap())
            .arg(WORD)
            .env("ONE_PASS_DATABASE", self.database)
            .env("ONE_PASS_PROVIDER", self.sandbox.quartile_url("v2"))
            .env("ONE_PASS_KEY", self.key.expose())
            .env("ONE_PASS_TOKENS", self.tokens.to_string())
            .env("ONE_PASS_PER_HOST", self.per_host.to_string())
            .env("ONE_PASS_DEADLINE", self.deadline.as_secs().to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<u64> =
            said.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [refreshed, logged_in, failed, micros, peak] = figures[..] else {
            panic!("the pass failed: {output:?}");
        };
        Passed { refreshed, logged_in, failed, took: Duration::from_micros(micros), peak }
    }
}

impl Passed {
    pub fn megabytes(&self) -> f64 {
        Duration::from_millis(self.peak).as_secs_f64()
    }

    /// Rows kept in a second.
    pub fn rate(&self) -> f64 {
        self.kept() / self.took.as_secs_f64()
    }

    pub fn kept(&self) -> f64 {
        let kept = u32::try_from(self.refreshed + self.logged_in).unwrap();
        f64::from(kept)
    }
}

/// Whether this process was started for a pass; then it has been done.
pub fn was_asked_for() -> bool {
    let asked = env::args().nth(1).as_deref() == Some(WORD);
    if asked {
        Runtime::new().unwrap().block_on(pass_once());
    }
    asked
}

async fn pass_once() {
    let word = |name: &str| env::var(format!("ONE_PASS_{name}")).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ring = Keyring::parse(&Secret::new(word("KEY"))).unwrap();
    let url = word("DATABASE").parse().unwrap();
    let store = Store::open(url, Seal::With(ring), Role::Worker).unwrap();
    let config = config(
        &word("PROVIDER"),
        word("TOKENS").parse().unwrap(),
        word("PER_HOST").parse().unwrap(),
    );
    let deadline = Duration::from_secs(word("DEADLINE").parse().unwrap());
    // Beside the servers' data: the journal waits for the same disk as they do.
    let folder = tempfile::tempdir().unwrap();
    let exchanger = Arc::new(Exchanger {
        time: store.time().await.unwrap(),
        store: store.clone(),
        http: Http::default(),
        environment: environment(),
        worker: "bench".to_owned(),
        deadline: Instant::now() + deadline,
        stop: Stop::never(),
        journal: Journal::open(folder.path(), Values::Sealed).unwrap(),
        events: Events::default(),
    });
    let began = stopwatch();
    let report = pass::run(exchanger, &config, &[]).await.unwrap();
    let micros = began.elapsed().as_micros();
    store.close().await;
    println!("{} {} {} {micros} {}", report.refreshed, report.logged_in, report.failed, own_peak());
    for failed in report.failures.iter().take(3) {
        println!("{failed:?}");
    }
}

fn config(url: &str, tokens: u32, per_host: NonZeroU16) -> Config {
    let [key, username, password] =
        ["KEY", "USERNAME", "PASSWORD"].map(|name| SecretRef::Env(name.to_owned()));
    let quartile = Quartile::new(url.parse().unwrap(), key, username, password);
    let token = TokenConfig {
        policy: RefreshPolicy::default(),
        replay_window: Duration::ZERO,
        provider: Provider::Quartile(quartile),
    };
    let tokens: BTreeMap<TokenName, TokenConfig> = (0..tokens)
        .map(|number| (format!("token-{number:07}").parse().unwrap(), token.clone()))
        .collect();
    Config { tokens, run: RunSettings { per_host, ..RunSettings::default() }, ..Config::default() }
}

/// What the sandbox's default settings expect.
fn environment() -> Environment {
    let credentials = Credentials::default();
    Environment::of([
        ("KEY", credentials.subscription_key.as_str()),
        ("USERNAME", &credentials.username),
        ("PASSWORD", &credentials.password),
    ])
}

/// Linux's `VmHWM`, in kilobytes.
fn own_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

const WORD: &str = "one-pass";
