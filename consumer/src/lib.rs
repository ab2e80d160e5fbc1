//! Hands out the newest OAuth2 token that tokenkeeper's worker keeps.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tokenkeeper_consumer::Consumer;
//!
//! let token = Consumer::from_env()?.token("quartile").await?;
//! println!("Authorization: {} {}", token.token_type(), token.expose());
//! # Ok(())
//! # }
//! ```
//!
//! While a worker renews the token the call waits, for half a minute at most; then, and whenever the
//! provider is down, the stored token is handed out for as long as it works. When the database is out
//! of reach, the last token that this `Consumer` handed out is: keep one, do not make one per call.

mod access_token;
#[cfg(feature = "cli")]
pub mod cli;
mod memory;

use std::{sync::OnceLock, time::Duration};

use chrono::{DateTime, Utc};
pub use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::{MIN_TTL, Refusal, Warning, WhileUpdating},
    name::{InvalidName, TokenName},
    secret::Secret,
    store::{Report, StoreError},
    wait::NoToken,
};
use tokenkeeper_shared::{
    lifecycle::verdict::Wish,
    seal::Seal,
    settings::{Environment, KeySetting, Settings, SettingsError},
    store::{Role, Store},
    token::Token,
    wait::{self, Patience},
};

pub use crate::access_token::AccessToken;
use crate::memory::Memory;

/// A door to the shared tokens. Needs rights to read only.
#[derive(Debug)]
pub struct Consumer {
    store: Store,
    reporter: OnceLock<Store>,
    schema_checked: OnceLock<()>,
    memory: Memory,
}

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
    pub fn from_env() -> Result<Self, Error> {
        let settings = Settings::load(&Environment::of_process(), None)?;
        Self::from_settings(settings)
    }

    /// Connects as these settings say.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn from_settings(settings: Settings) -> Result<Self, Error> {
        let seal = match settings.key {
            KeySetting::Given(ring) => Seal::With(ring),
            // Without a key only an unsealed store can be read; a sealed value says what to set.
            KeySetting::Off | KeySetting::Missing { .. } => Seal::Off,
        };
        let store = Store::open(settings.database_url, seal, Role::Consumer)?;
        Ok(Self {
            store,
            reporter: OnceLock::new(),
            schema_checked: OnceLock::new(),
            memory: Memory::default(),
        })
    }

    /// The newest token of this name.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn token(&self, name: &str) -> Result<AccessToken, Error> {
        self.get(&name.parse()?, Request::default()).await
    }

    /// The newest token of this name, with options.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn get(&self, name: &TokenName, request: Request) -> Result<AccessToken, Error> {
        let wish = Wish { min_ttl: request.min_ttl, while_updating: request.while_updating };
        let patience = Patience::of(request.wait);
        if self.memory.recall(name).is_some() {
            match self.ask(name, wish, patience.with_token_in_hand()).await {
                // What was in hand has died meanwhile: now the caller waits like everybody else.
                Err(Error::Store(error)) if error.is_transient() => {}
                ended => return ended,
            }
        }
        self.ask(name, wish, patience).await
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
        self.check_schema(Patience::of(Duration::ZERO)).await?;
        let reported = self.reporter()?.report(name, generation).await?;
        reported.ok_or_else(|| Error::NoToken(NoToken::NoSuchName(name.clone())))
    }

    /// The next tokens by name after `after`, at most `limit`, and the database's time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, after: Option<&TokenName>, limit: u16) -> Result<Vec<Token>, Error> {
        self.check_schema(Patience::of(Duration::ZERO)).await?;
        Ok(self.store.page(after, limit).await?)
    }

    /// The database's time: tokens are judged by it, not by this host's clock.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        Ok(self.store.time().await?.now())
    }

    /// Asks the database, and the memory when that is out of reach.
    async fn ask(
        &self,
        name: &TokenName,
        wish: Wish,
        patience: Patience,
    ) -> Result<AccessToken, Error> {
        self.check_schema(patience).await?;
        match wait::hand_out(&self.store, name, wish, patience).await {
            Ok(given) => Ok(AccessToken(self.memory.renew(given))),
            Err(NoToken::Store(error)) if error.is_transient() => {
                self.memory.recall(name).map(AccessToken).ok_or(Error::Store(error))
            }
            Err(NoToken::Store(error)) => Err(error.into()),
            // The database has the last word for as long as it can be asked.
            Err(refused) => {
                self.memory.forget(name);
                Err(refused.into())
            }
        }
    }

    /// A connection that writes, made when it is first wanted: reading alone needs no such right.
    fn reporter(&self) -> Result<&Store, StoreError> {
        if let Some(reporter) = self.reporter.get() {
            return Ok(reporter);
        }
        let reporter = Store::open(self.store.url().clone(), Seal::Off, Role::Reporter)?;
        Ok(self.reporter.get_or_init(|| reporter))
    }

    /// Calls that come at once each ask: none waits for another's patience.
    async fn check_schema(&self, patience: Patience) -> Result<(), Error> {
        if self.schema_checked.get().is_none() {
            patience.ask(|| self.store.check_schema()).await?;
            self.schema_checked.get_or_init(|| ());
        }
        Ok(())
    }
}

/// Why there is no token, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name cannot name a token.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The configuration must be mended.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database cannot be asked; `StoreError::is_transient` says whether to try again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to hand out.
    #[error(transparent)]
    NoToken(NoToken),
}

impl From<NoToken> for Error {
    fn from(error: NoToken) -> Self {
        match error {
            NoToken::Store(error) => Self::Store(error),
            other => Self::NoToken(other),
        }
    }
}

/// A provider's exchange takes 30 s at most.
pub const WAIT: Duration = Duration::from_secs(30);
