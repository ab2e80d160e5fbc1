//! One sandbox with credentials of its own, one `Http`, and what an exchange between them is
//! judged to be. Every judgement is searched for secrets on its way out.

use std::{collections::BTreeMap, fs, path::PathBuf};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    secret::Secret,
    settings::{Environment, SecretRef, TextOrRef},
};
use tokenkeeper_worker::{
    answer::Answer,
    http::Http,
    outcome::{Asked, Failed, Outcome, classify},
    provider::{
        Provider, Step, Transport,
        oauth2::{ClientAuth, Grant, OAuth2},
        quartile::Quartile,
    },
    sandbox::{Credentials, Fault, Rewrite, Rotation, Sandbox, Settings},
};
use url::Url;

pub struct Ground {
    pub sandbox: Sandbox,
    pub http: Http,
    pub environment: Environment,
}

impl Ground {
    pub async fn new() -> Self {
        Self::with_rotation(Rotation::Strict).await
    }

    pub async fn with_rotation(rotation: Rotation) -> Self {
        install_crypto();
        let settings = Settings { rotation, credentials: credentials(), ..Settings::default() };
        let sandbox = Sandbox::start(settings).await.expect("a free port");
        Self { sandbox, http: Http::default(), environment: environment() }
    }

    pub fn quartile(&self) -> Provider {
        quartile(&self.sandbox.quartile_url("v2"))
    }

    pub fn oauth2(&self) -> Provider {
        oauth2(&self.sandbox.token_url())
    }

    /// A refresh with a grant of its own that the queued fault spoils.
    pub async fn spoiled(&self, provider: &Provider, fault: Fault) -> Outcome {
        let step = self.refresh();
        self.sandbox.next_answer(fault);
        self.judged(provider, &step).await
    }

    /// The same with the true answer rewritten.
    pub async fn rewritten(&self, provider: &Provider, rewrite: Rewrite) -> Outcome {
        self.spoiled(provider, Fault::AnswerAs { rewrite }).await
    }

    pub fn refresh(&self) -> Step {
        Step::Refresh(Secret::new(self.sandbox.issue_grant()))
    }

    pub async fn judged(&self, provider: &Provider, step: &Step) -> Outcome {
        judged(&self.http, provider, step, &self.environment).await
    }

    /// The refresh token that the provider issued last, whoever has heard of it.
    pub fn newest(&self) -> Option<String> {
        self.sandbox.newest_refresh_token()
    }
}

/// Sends one request and judges what comes back.
pub async fn judged(
    http: &Http,
    provider: &Provider,
    step: &Step,
    environment: &Environment,
) -> Outcome {
    let request = provider.request(step, environment).expect("every secret is there");
    let asked = if *step == Step::Login { Asked::Login } else { Asked::Refresh };
    let outcome = classify(asked, provider.shape(), http.send(&request).await, noon());
    let shown = format!("{outcome:?} {request:?}");
    assert_no_secret(&shown);
    match &outcome {
        Outcome::Failed(failed) => assert_no_secret(&failed.message),
        Outcome::Partial(_, problem) => assert_no_secret(problem),
        Outcome::Answer(_) => {}
    }
    outcome
}

/// The sandbox's tokens begin with their kind, whatever was issued and whoever has it.
pub fn assert_no_secret(text: &str) {
    for secret in ["canary", "access-", "refresh-", "Basic ", "Y2FuYXJ5"] {
        assert!(!text.contains(secret), "{secret:?} in: {text}");
    }
}

/// The class in one word, as the documentation's table has it.
pub fn class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answer(_) => "ok",
        Outcome::Partial(..) => "partial",
        Outcome::Failed(failed) => failed.class.as_str(),
    }
}

pub fn failure(outcome: Outcome) -> Failed {
    match outcome {
        Outcome::Failed(failed) => failed,
        other => panic!("no failure: {other:?}"),
    }
}

pub fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) | Outcome::Partial(answer, _) => *answer,
        Outcome::Failed(failed) => panic!("no answer: {failed:?}"),
    }
}

/// The refresh token that an outcome would store.
pub fn kept(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answer(answer) | Outcome::Partial(answer, _) => {
            answer.refresh_token.as_ref().map(|token| token.expose().to_owned())
        }
        Outcome::Failed(_) => None,
    }
}

pub fn quartile(url: &str) -> Provider {
    let url = Url::parse(url).expect("a URL");
    Provider::Quartile(Quartile::new(url, env("KEY"), env("NAME"), env("PASSWORD")))
}

pub fn oauth2(url: &str) -> Provider {
    oauth2_with(url, ClientAuth::Basic, env("SECRET"), None)
}

pub fn oauth2_with(
    url: &str,
    client_auth: ClientAuth,
    client_secret: SecretRef,
    ca_file: Option<PathBuf>,
) -> Provider {
    Provider::OAuth2(OAuth2 {
        token_url: Url::parse(url).expect("a URL"),
        grant: Grant::Password { username: TextOrRef::Ref(env("NAME")), password: env("PASSWORD") },
        client_id: TextOrRef::Ref(env("CLIENT")),
        client_secret: Some(client_secret),
        client_auth,
        parameters: BTreeMap::new(),
        transport: Transport { headers: BTreeMap::new(), ca_file },
    })
}

pub fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

/// Secrets that are easy to find wherever they leak.
pub fn credentials() -> Credentials {
    Credentials {
        username: "canary-user".to_owned(),
        password: "canary-password".to_owned(),
        subscription_key: "canarysubscriptionkey01234567890".to_owned(),
        client_id: "canary-client".to_owned(),
        client_secret: "canary-secret".to_owned(),
    }
}

pub fn environment() -> Environment {
    let known = credentials();
    Environment::of([
        ("NAME", known.username.as_str()),
        ("PASSWORD", &known.password),
        ("KEY", &known.subscription_key),
        ("CLIENT", &known.client_id),
        ("SECRET", &known.client_secret),
    ])
}

/// Rustls knows no cipher until it is told whose to use; a second telling changes nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The database's time, as far as these tests care.
pub fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().expect("an instant")
}

/// A file that lives as long as its directory.
pub fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, text).expect("a writable directory");
    path
}
