//! Hands out the newest OAuth2 token that tokenkeeper's worker keeps.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tokenkeeper_consumer::Consumer;
//!
//! let token = Consumer::from_env().await?.token("quartile").await?;
//! println!("Authorization: {} {}", token.token_type(), token.expose());
//! # Ok(())
//! # }
//! ```
//!
//! While a worker renews the token the call waits, for half a minute at most; then, and whenever the
//! provider is down, the stored token is handed out for as long as it works. When the database is out
//! of reach, the last token that this `Consumer` handed out is: keep one, do not make one per call.

mod access_token;
mod asking;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cell;
mod cells;
#[cfg(feature = "cli")]
pub mod cli;
mod error;
#[cfg(feature = "postgres")]
mod listener;
#[cfg(feature = "reqwest")]
pub mod middleware;
#[cfg(feature = "serve")]
mod serve;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
pub use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::{MIN_TTL, Refusal, Warning, WhileUpdating},
    name::{InvalidName, TokenName},
    secret::Secret,
    settings::Settings,
    store::{Report, StoreError},
    wait::NoToken,
};
use tokenkeeper_shared::{
    seal::Seal,
    settings::{Environment, KeySetting},
    store::{Role, Store},
    token::Token,
};

use crate::asking::Inner;
pub use crate::{access_token::AccessToken, error::Error};

/// A door to the shared tokens. Needs rights to read only. Clones share connections and memory.
#[derive(Debug, Clone)]
pub struct Consumer(Arc<Inner>);

/// What a caller asks for beside the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// How long the token should last at least; less brings a warning, not a refusal.
    pub min_ttl: Duration,
    /// How long to wait for a worker that is renewing the token, and for a database out of reach.
    pub wait: Duration,
    /// Whether to wait at all while the stored token works.
    pub while_updating: WhileUpdating,
}

impl Default for Request {
    fn default() -> Self {
        Self { min_ttl: MIN_TTL, wait: WAIT, while_updating: WhileUpdating::Wait }
    }
}

impl Consumer {
    /// Connects as the variables and the configuration file say. No connection is made yet.
    ///
    /// # Errors
    /// [`Error::Settings`] or [`Error::Store`].
    pub async fn from_env() -> Result<Self, Error> {
        // A secret may be what a program prints, and that takes its time.
        let settings = tokio::task::spawn_blocking(settings_of_process).await;
        Self::from_settings(settings.map_err(|error| Error::Runtime(Arc::new(error.into())))??)
    }

    /// Connects as these settings say.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::NoRuntime`] outside an async runtime.
    pub fn from_settings(settings: Settings) -> Result<Self, Error> {
        Self::with_max_staleness(settings, MAX_STALENESS)
    }

    /// The same with another bound on how old the answer to a question may be that is answered from
    /// memory: default [`MAX_STALENESS`]; with zero each question is put to the database.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn with_max_staleness(settings: Settings, max_staleness: Duration) -> Result<Self, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::NoRuntime);
        }
        let seal = match settings.key {
            KeySetting::Given(ring) => Seal::With(ring),
            // Without a key only an unsealed store can be read; a sealed value says what to set.
            KeySetting::Off | KeySetting::Missing { .. } => Seal::Off,
        };
        let store = Store::open(settings.database_url, seal, Role::Consumer)?;
        Ok(Self(Arc::new(Inner::of(store, max_staleness))))
    }

    /// The newest token of this name.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn token(&self, name: &str) -> Result<AccessToken, Error> {
        match self.0.cells.plain(name, MIN_TTL, self.0.store.clock()) {
            Some(token) => Ok(token),
            // In a box: what nearly no call needs must not make every call's future larger.
            None => {
                Box::pin(async { self.0.answer(&name.parse()?, Request::default()).await }).await
            }
        }
    }

    /// The newest token of this name, with options.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn get(&self, name: &TokenName, request: Request) -> Result<AccessToken, Error> {
        match self.0.cells.plain(name.as_str(), request.min_ttl, self.0.store.clock()) {
            Some(token) => Ok(token),
            None => Box::pin(self.0.answer(name, request)).await,
        }
    }

    /// The token if it can be had from memory without further thought.
    #[cfg(feature = "blocking")]
    fn remembered(&self, name: &str, min_ttl: Duration) -> Option<AccessToken> {
        self.0.cells.plain(name, min_ttl, self.0.store.clock())
    }

    /// The token that comes after this one, if it comes within `wait`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn newer(
        &self,
        token: &AccessToken,
        wait: Duration,
    ) -> Result<Option<AccessToken>, Error> {
        self.0.newer(token, wait).await
    }

    /// Tells the worker that an API answered 401 to this token though its time is not over. At most
    /// one early renewal follows for a generation, however many report it. Wants the right to UPDATE.
    ///
    /// # Errors
    /// [`Error::Store`]; [`NoToken::NoSuchName`].
    pub async fn report_rejected(&self, token: &AccessToken) -> Result<Report, Error> {
        self.report(&token.row().name, token.generation()).await
    }

    /// The same by name and generation.
    ///
    /// # Errors
    /// As [`Consumer::report_rejected`].
    pub async fn report(&self, name: &TokenName, generation: i64) -> Result<Report, Error> {
        self.0.check_schema().await?;
        let reported = self.reporter()?.report(name, generation).await?;
        // Whoever is refused a token is not served it again unasked.
        if let Some(cell) = self.0.cells.find(name.as_str()) {
            cell.change();
        }
        reported.ok_or_else(|| Error::NoToken(NoToken::NoSuchName(name.clone())))
    }

    /// The next tokens by name after `after`, at most `limit`, and the database's time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, after: Option<&TokenName>, limit: u16) -> Result<Vec<Token>, Error> {
        self.0.check_schema().await?;
        Ok(self.0.store.page(after, limit).await?)
    }

    /// The database's time: tokens are judged by it, not by this host's clock.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        Ok(self.0.store.time().await?.now())
    }

    /// A connection that writes, made when it is first wanted: reading alone needs no such right.
    fn reporter(&self) -> Result<&Store, StoreError> {
        if let Some(reporter) = self.0.reporter.get() {
            return Ok(reporter);
        }
        let reporter = Store::open(self.0.store.url().clone(), Seal::Off, Role::Reporter)?;
        Ok(self.0.reporter.get_or_init(|| reporter))
    }
}

fn settings_of_process() -> Result<Settings, Error> {
    Ok(Settings::load(&Environment::of_process(), None)?)
}

/// A provider's exchange takes 30 s at most.
pub const WAIT: Duration = Duration::from_secs(30);
/// How old the answer to a question may be that is answered from memory.
pub const MAX_STALENESS: Duration = Duration::from_secs(5);
