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
//! provider is down, the stored token is handed out for as long as it works.

mod access_token;
#[cfg(feature = "cli")]
pub mod cli;

use std::time::Duration;

use chrono::{DateTime, Utc};
pub use tokenkeeper_shared::{
    exit::Exit,
    lifecycle::verdict::{MIN_TTL, Refusal, Warning, WhileUpdating},
    name::{InvalidName, TokenName},
    secret::Secret,
    store::StoreError,
    wait::NoToken,
};
use tokenkeeper_shared::{
    lifecycle::verdict::Wish,
    seal::Seal,
    settings::{Environment, KeySetting, Settings, SettingsError},
    store::{Role, Store},
    token::Token,
    wait,
};
use tokio::sync::OnceCell;

pub use crate::access_token::AccessToken;

/// A door to the shared tokens. Needs rights to read only.
#[derive(Debug)]
pub struct Consumer {
    store: Store,
    schema_checked: OnceCell<()>,
}

/// What a caller asks for beside the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// How long the token should last at least; less brings a warning, not a refusal.
    pub min_ttl: Duration,
    /// How long to wait for a worker that is renewing the token.
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
        Ok(Self { store, schema_checked: OnceCell::new() })
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
        self.check_schema().await?;
        let wish = Wish { min_ttl: request.min_ttl, while_updating: request.while_updating };
        Ok(AccessToken(wait::hand_out(&self.store, name, wish, request.wait).await?))
    }

    /// The next tokens by name after `after`, at most `limit`, and the database's time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, after: Option<&TokenName>, limit: u16) -> Result<Vec<Token>, Error> {
        self.check_schema().await?;
        Ok(self.store.page(after, limit).await?)
    }

    /// The database's time: tokens are judged by it, not by this host's clock.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        Ok(self.store.time().await?.now())
    }

    async fn check_schema(&self) -> Result<(), Error> {
        self.schema_checked.get_or_try_init(|| self.store.check_schema()).await?;
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
