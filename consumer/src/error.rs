//! Why a call of the library failed. What the command line makes of it lies with `cli::failure`.

use std::sync::Arc;

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
    /// Connections belong to an async runtime.
    #[error(
        "a consumer must be made inside tokio's runtime: make it there, or use `blocking::Consumer`"
    )]
    NoRuntime,
    /// A call that blocks was made inside an async runtime.
    #[error("a blocking call inside an async runtime: use `tokenkeeper_consumer::Consumer` there")]
    WouldBlock,
    /// The runtime of `blocking` cannot be started.
    #[error("no runtime could be started: {0}")]
    Runtime(Arc<std::io::Error>),
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
