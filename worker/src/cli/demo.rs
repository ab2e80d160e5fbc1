//! `demo`: the whole loop on this machine, told step by step. Everything in it is the real thing
//! but the provider, which is the sandbox on loopback, and the scale of time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use tokenkeeper_shared::{
    clock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    lifecycle::{RefreshPolicy, verdict::Wish},
    name::TokenName,
    seal::{Seal, key::Keyring},
    settings::{Environment, SecretRef},
    store::{Role, Store},
    wait::{self, HandedOut, NoToken, Patience},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::output;
use crate::{
    config::{Config, TokenConfig},
    events::Events,
    exchange::Exchanger,
    http::Http,
    journal::{Journal, Values},
    pass,
    provider::{Provider, quartile::Quartile},
    report::Report,
    sandbox::{Fault, Sandbox, Settings},
    stop::Stop,
};

pub(super) async fn demo(json: bool) -> Result<Exit, Failure> {
    let demo = Demo::prepare(json).await?;
    demo.log_in().await?;
    demo.refresh().await?;
    demo.wait_while_updating().await?;
    demo.survive_an_outage().await?;
    demo.say(
        "That is all: with your own provider, run `tokenkeeper-worker init`, describe the token in the file \
         that it names, let a timer call `tokenkeeper-worker run`, and get tokens from `tokenkeeper-consumer get NAME`.",
    )?;
    Ok(Exit::Ok)
}

/// The stage: a provider, a database file, a worker's and a consumer's way to it.
struct Demo {
    sandbox: Sandbox,
    config: Config,
    name: TokenName,
    environment: Environment,
    worker: Store,
    consumer: Store,
    json: bool,
    folder: tempfile::TempDir,
}

impl Demo {
    async fn prepare(json: bool) -> Result<Self, Failure> {
        let settings = Settings { access_lifetime: LIFETIME, ..Settings::default() };
        let credentials = settings.credentials.clone();
        let sandbox = Sandbox::start(settings).await.map_err(internal)?;
        let folder = tempfile::tempdir().map_err(internal)?;
        let url = DatabaseUrl::of_file(&folder.path().join("demo.db"));
        let key = Keyring::parse(&Keyring::new_worker_key()).map_err(internal)?;
        let consumers = Keyring::parse(&key.consumer_key_text()).map_err(internal)?;
        let worker = Store::open(url.clone(), Seal::With(key), Role::Worker)?;
        worker.migrate().await?;
        let consumer = Store::open(url.clone(), Seal::With(consumers), Role::Consumer)?;
        let name: TokenName = "demo".parse().map_err(internal)?;
        let token = token_of(&sandbox)?;
        let tokens = BTreeMap::from([(name.clone(), token)]);
        let config = Config { tokens, ..Config::default() };
        let environment = Environment::of([
            ("DEMO_KEY", credentials.subscription_key.as_str()),
            ("DEMO_USERNAME", &credentials.username),
            ("DEMO_PASSWORD", &credentials.password),
        ]);
        let demo = Self { sandbox, config, name, environment, worker, consumer, json, folder };
        demo.say(&format!(
            "A sandbox provider listens on {}. Its access tokens live {} s here, where real ones live hours; \
             each refresh token works once. Tokens are kept, sealed, in {url}.",
            demo.sandbox.url(),
            LIFETIME.as_secs()
        ))?;
        Ok(demo)
    }

    /// The first run finds no token and logs in.
    async fn log_in(&self) -> Result<(), Failure> {
        self.run().await?;
        let got = self.get().await?;
        self.say(&format!(
            "First run of the worker: nothing was stored, so it logged in. `get` hands out {}.",
            self.describe(&got)
        ))
    }

    /// A run too early does nothing; a run when the token is due spends the refresh token.
    async fn refresh(&self) -> Result<(), Failure> {
        let early = self.run().await?;
        let old = self.sandbox.newest_refresh_token().unwrap_or_default();
        self.say(&format!(
            "A second run at once: {} tokens were due, nothing was sent. The token is due at half its life, because it lives less than two hours.",
            early.taken_up()
        ))?;
        self.until_due().await?;
        self.run().await?;
        let got = self.get().await?;
        let new = self.sandbox.newest_refresh_token().unwrap_or_default();
        self.say(&format!(
            "Now it was due: the run spent refresh token {} and stored its successor {} in the same commit as the new access token. `get` hands out {}.",
            brief(&old), brief(&new), self.describe(&got)
        ))
    }

    /// A consumer that asks in the middle of a renewal waits for the new token.
    async fn wait_while_updating(&self) -> Result<(), Failure> {
        self.sandbox.set_latency(SLOWNESS);
        let renewal = tokio::spawn(self.forced_renewal().await?);
        let asked = Instant::now();
        let got = self.get().await?;
        let waited = asked.elapsed();
        renewal.await.map_err(internal)?;
        self.sandbox.set_latency(Duration::ZERO);
        self.say(&format!(
            "A renewal took {:.1} s, and a consumer asked in the middle of it: `updating` was true, so it waited {:.1} s{} and got {}.",
            SLOWNESS.as_secs_f32(),
            waited.as_secs_f32(),
            if got.waited { "" } else { " (it came too late to wait)" },
            self.describe(&got)
        ))
    }

    /// The provider fails for a while: consumers go on with what is stored.
    async fn survive_an_outage(&self) -> Result<(), Failure> {
        self.until_due().await?;
        self.sandbox.every_answer(Some(out_of_order()));
        let report = self.run().await?;
        let got = self.get().await?;
        let said =
            report.failures.first().map(|failed| failed.message.as_str()).unwrap_or_default();
        self.say(&format!(
            "The provider broke down ({said}). `get` still hands out {}, with a warning.",
            self.describe(&got)
        ))?;
        self.sandbox.every_answer(None);
        self.until_due().await?;
        self.run().await?;
        let got = self.get().await?;
        self.say(&format!(
            "The provider is back, and the next run renewed the token with the same refresh token: {}. The provider saw {} logins in all, and {} spent refresh tokens a second time.",
            self.describe(&got),
            self.sandbox.counts().logins,
            self.sandbox.counts().replays,
        ))
    }

    async fn exchanger(&self) -> Result<Arc<Exchanger>, Failure> {
        Ok(Arc::new(Exchanger {
            store: self.worker.clone(),
            http: Http::default(),
            environment: self.environment.clone(),
            worker: format!("demo:{}", Uuid::new_v4().simple()),
            time: self.worker.time().await?,
            deadline: Instant::now() + self.config.run.deadline,
            stop: Stop::never(),
            journal: Journal::open(&self.folder.path().join("journal"), Values::of(&self.worker))
                .map_err(internal)?,
            events: Events::default(),
        }))
    }

    /// What `tokenkeeper-worker run` does.
    async fn run(&self) -> Result<Report, Failure> {
        Ok(pass::run(self.exchanger().await?, &self.config, &[]).await?)
    }

    /// What `tokenkeeper-worker refresh demo --force` does, claimed already when it returns.
    async fn forced_renewal(&self) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
        let exchanger = self.exchanger().await?;
        let (row, now) = self.worker.read(&self.name).await?.ok_or_else(|| internal("no row"))?;
        let claimed = self.worker.claim_named(&row, true, "demo", now).await?;
        let claimed =
            claimed.and_then(Result::ok).ok_or_else(|| internal("the row was not free"))?;
        let config = Arc::new(self.config.tokens[&self.name].clone());
        Ok(async move {
            exchanger.keep(config, claimed).await;
        })
    }

    /// What `tokenkeeper-consumer get demo` does.
    async fn get(&self) -> Result<HandedOut, Failure> {
        let asked =
            wait::hand_out(&self.consumer, &self.name, Wish::default(), Patience::of(PATIENCE))
                .await;
        asked.map_err(|error| match error {
            NoToken::Store(error) => error.into(),
            other => Failure::new(Exit::NoValidToken, other.to_string()),
        })
    }

    /// Waits for the moment that the row itself names.
    async fn until_due(&self) -> Result<(), Failure> {
        if let Some((row, now)) = self.worker.read(&self.name).await? {
            sleep(clock::until(now, row.refresh_at) + Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn describe(&self, got: &HandedOut) -> String {
        let works = if self.sandbox.is_active(got.expose()) { "works" } else { "DOES NOT WORK" };
        format!(
            "{} (generation {}, {:.0} s left, {works} at the provider)",
            brief(got.expose()),
            got.seen.token.generation,
            got.seen.token.valid_for(got.seen.now).as_secs_f32()
        )
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            output::json(&json!({ "told": text }))
        } else {
            output::line(&format!("• {text}\n"))
        }
    }
}

fn token_of(sandbox: &Sandbox) -> Result<TokenConfig, Failure> {
    let variable = |name: &str| SecretRef::Env(name.to_owned());
    let url = sandbox.quartile_url("v2").parse().map_err(internal)?;
    let [key, username, password] = ["DEMO_KEY", "DEMO_USERNAME", "DEMO_PASSWORD"].map(variable);
    Ok(TokenConfig {
        policy: RefreshPolicy::default(),
        replay_window: Duration::ZERO,
        provider: Provider::Quartile(Quartile::new(url, key, username, password)),
    })
}

fn out_of_order() -> Fault {
    Fault::Status { status: 502, headers: Vec::new(), body: b"<h1>Bad Gateway</h1>".to_vec() }
}

/// The sandbox's tokens are worth nothing; real ones are never shown, not even in part.
fn brief(token: &str) -> String {
    format!("{}…", token.chars().take(14).collect::<String>())
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

/// Short enough to watch, long enough for the rules: due after half of it.
const LIFETIME: Duration = Duration::from_secs(12);
/// How slow the provider is while a consumer waits.
const SLOWNESS: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(10);
