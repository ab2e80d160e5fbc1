//! What a test of the worker's pass needs: a provider, a database, a configuration, and a hand on
//! the database's clock.

use std::{
    collections::BTreeMap,
    num::NonZeroU16,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokenkeeper_shared::{
    clock::SystemClock,
    lifecycle::RefreshPolicy,
    name::TokenName,
    seal::{Seal, key::Keyring},
    settings::{Environment, SecretRef, TextOrRef},
    store::{DatabaseTime, Role, Store},
    token::Token,
};
use tokenkeeper_worker::{
    config::{Config, RunSettings, TokenConfig},
    events::Events,
    exchange::Exchanger,
    http::Http,
    journal::Journal,
    pass,
    provider::{
        Provider, Transport,
        oauth2::{ClientAuth, Grant, OAuth2},
        quartile::Quartile,
    },
    report::Report,
    sandbox::{Credentials, Fault, Sandbox, Settings},
    stop::Stop,
};
use tokio::time::Instant;

use crate::harness::{
    databases::{Database, Kind},
    wait::until,
};

/// A provider, a store and a worker's configuration for them.
pub struct Stage {
    pub sandbox: Sandbox,
    pub store: Store,
    pub name: TokenName,
    config: Config,
    environment: Environment,
    ring: Keyring,
    most: Arc<AtomicUsize>,
    _database: Option<Database>,
}

impl Stage {
    /// The token `quartile`, on a fresh database of this kind.
    pub async fn quartile(kind: Kind, settings: Settings) -> Self {
        let database = Database::fresh(kind);
        let stage = Self::on(database.url.clone(), settings).await;
        Self { _database: Some(database), ..stage }
    }

    /// The token `quartile`, in this database.
    pub async fn on(url: String, settings: Settings) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials = settings.credentials.clone();
        let sandbox = Sandbox::start(settings).await.unwrap();
        let ring = Keyring::parse(&Keyring::new_worker_key()).unwrap();
        let store =
            Store::open(url.parse().unwrap(), Seal::With(ring.clone()), Role::Worker).unwrap();
        store.migrate().await.unwrap();
        let name: TokenName = "quartile".parse().unwrap();
        let config = config(BTreeMap::from([(name.clone(), token(quartile(&sandbox)))]), 16);
        let environment = environment(&sandbox, &credentials);
        let most = Arc::default();
        Self { sandbox, store, name, config, environment, ring, most, _database: None }
    }

    /// A token without credentials: a human got its first refresh token.
    pub async fn refresh_token_grant(kind: Kind) -> Self {
        let mut stage = Self::quartile(kind, Settings::default()).await;
        let provider = Provider::OAuth2(OAuth2 {
            token_url: stage.sandbox.token_url().parse().unwrap(),
            grant: Grant::RefreshToken { first: SecretRef::Env("FIRST".into()) },
            client_id: TextOrRef::Ref(SecretRef::Env("CLIENT_ID".into())),
            client_secret: Some(SecretRef::Env("CLIENT_SECRET".into())),
            client_auth: ClientAuth::Basic,
            parameters: BTreeMap::new(),
            transport: Transport::default(),
        });
        stage.config.tokens.insert(stage.name.clone(), token(provider));
        stage
    }

    /// Many tokens at one provider that is a little slow.
    pub async fn many(kind: Kind, count: usize, per_host: u16) -> Self {
        let settings = Settings { latency: Duration::from_millis(5), ..Settings::default() };
        let mut stage = Self::quartile(kind, settings).await;
        let provider = token(quartile(&stage.sandbox));
        let names = (0..count).map(|number| format!("token-{number}").parse().unwrap());
        let tokens = names.map(|name| (name, provider.clone())).collect();
        stage.config = config(tokens, per_host);
        stage
    }

    pub fn with_replay_window(mut self, window: Duration) -> Self {
        self.config.tokens.values_mut().for_each(|token| token.replay_window = window);
        self
    }

    pub fn change_password(&self, password: &str) {
        let credentials = Credentials { password: password.into(), ..Credentials::default() };
        self.sandbox.set_credentials(credentials);
    }

    /// A row of this name, due since `then`.
    pub async fn enrol(&self, name: &str, then: DateTime<Utc>) {
        self.store.enrol(&name.parse().unwrap(), "quartile", then).await.unwrap();
    }

    /// The database's time.
    pub async fn now(&self) -> DateTime<Utc> {
        self.store.time().await.unwrap().now()
    }

    /// One pass, now.
    pub async fn run(&self) -> Report {
        self.run_at(self.now().await).await
    }

    /// One pass at another time of the database.
    pub async fn run_at(&self, now: DateTime<Utc>) -> Report {
        let (report, most) =
            tokio::join!(pass::run(self.exchanger(now), &self.config, &[]), self.watch_leases(now));
        self.most.fetch_max(most, Ordering::Relaxed);
        report.unwrap()
    }

    /// One pass whose deadline lies behind it.
    pub async fn run_too_late(&self) -> Report {
        let now = self.now().await;
        let exchanger = Exchanger { deadline: Instant::now(), ..self.own_exchanger(now) };
        pass::run(Arc::new(exchanger), &self.config, &[]).await.unwrap()
    }

    /// As many passes at once as there are workers, each with connections of its own.
    pub async fn run_beside_each_other(&self, workers: usize, now: DateTime<Utc>) {
        let passes = (0..workers).map(|_| {
            let (url, seal) = (self.store.url().clone(), Seal::With(self.ring.clone()));
            let store = Store::open(url, seal, Role::Worker).unwrap();
            let exchanger = Arc::new(Exchanger { store: store.clone(), ..self.own_exchanger(now) });
            let config = self.config.clone();
            tokio::spawn(async move {
                pass::run(exchanger, &config, &[]).await.unwrap();
                store.close().await;
            })
        });
        for pass in passes.collect::<Vec<_>>() {
            pass.await.unwrap();
        }
    }

    /// What `refresh NAME --force` does.
    pub async fn force(&self) -> Report {
        let (row, now) = self.store.read(&self.name).await.unwrap().unwrap();
        let claimed =
            self.store.claim_named(&row, true, "test", now).await.unwrap().unwrap().unwrap();
        let config = Arc::new(self.config.tokens[&self.name].clone());
        let mut report = Report::default();
        report.add(self.exchanger(now).keep(config, claimed).await);
        report
    }

    pub async fn row(&self) -> Token {
        self.store.read(&self.name).await.unwrap().unwrap().0
    }

    /// The stored access token, in clear.
    pub async fn token(&self) -> String {
        let row = self.row().await;
        self.store.open_access_token(&row).unwrap().unwrap().expose().to_owned()
    }

    /// A consumer's own way to the store.
    pub fn consumer(&self) -> Store {
        let ring = Keyring::parse(&self.ring.consumer_key_text()).unwrap();
        Store::open(self.store.url().clone(), Seal::With(ring), Role::Consumer).unwrap()
    }

    pub fn until_the_provider_was_asked(&self, times: u64) {
        let asked = || (self.sandbox.counts().exchanges >= times).then_some(());
        until(Duration::from_secs(20), asked).unwrap();
    }

    /// The most exchanges that were seen under way at once.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn exchanger(&self, now: DateTime<Utc>) -> Arc<Exchanger> {
        Arc::new(self.own_exchanger(now))
    }

    fn own_exchanger(&self, now: DateTime<Utc>) -> Exchanger {
        Exchanger {
            store: self.store.clone(),
            http: Http::default(),
            environment: self.environment.clone(),
            worker: "test".into(),
            time: DatabaseTime::starting_at(now, Arc::new(SystemClock::new())),
            deadline: Instant::now() + Duration::from_secs(60),
            stop: Stop::never(),
            journal: Journal::off(),
            events: Events::default(),
        }
    }

    /// Looks at the rows a few times while a pass runs: as many are leased as exchanges are under way.
    async fn watch_leases(&self, now: DateTime<Utc>) -> usize {
        let mut most = 0;
        for _ in 0..LOOKS.min(self.config.tokens.len()) {
            // The database may have been killed meanwhile.
            let Ok(page) = self.store.page(None, 256).await else { break };
            most = most.max(page.iter().filter(|row| row.is_being_updated(now)).count());
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        most
    }
}

fn config(tokens: BTreeMap<TokenName, TokenConfig>, per_host: u16) -> Config {
    let per_host = NonZeroU16::new(per_host).unwrap();
    let run = RunSettings { per_host, ..RunSettings::default() };
    Config { tokens, run, ..Config::default() }
}

fn token(provider: Provider) -> TokenConfig {
    TokenConfig { policy: RefreshPolicy::default(), replay_window: Duration::ZERO, provider }
}

fn quartile(sandbox: &Sandbox) -> Provider {
    let [key, username, password] =
        ["KEY", "USERNAME", "PASSWORD"].map(|n| SecretRef::Env(n.into()));
    let url = sandbox.quartile_url("v2").parse().unwrap();
    Provider::Quartile(Quartile::new(url, key, username, password))
}

fn environment(sandbox: &Sandbox, credentials: &Credentials) -> Environment {
    Environment::of([
        ("KEY", credentials.subscription_key.as_str()),
        ("USERNAME", &credentials.username),
        ("PASSWORD", &credentials.password),
        ("CLIENT_ID", &credentials.client_id),
        ("CLIENT_SECRET", &credentials.client_secret),
        ("FIRST", &sandbox.issue_grant()),
    ])
}

pub fn later(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

/// A bare status with a page that is no answer.
pub fn status(status: u16) -> Fault {
    Fault::Status { status, headers: Vec::new(), body: b"<html>no</html>".to_vec() }
}

/// Enough to see the fullest moment of a pass that takes tens of milliseconds.
const LOOKS: usize = 60;
