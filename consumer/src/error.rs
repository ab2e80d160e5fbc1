//! Why a call of the library failed. What the command line makes of it lies with `cli::failure`.

use tokenkeeper_shared::{
    name::InvalidName, settings::SettingsError, store::StoreError, wait::NoToken,
};

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
