//! How `get` prints a token, one file per format. Where it is printed lies in the shared `output`.

mod header;
mod json;
mod raw;

pub(super) use tokenkeeper_shared::output::{failure, line, note, usage};

use crate::AccessToken;

/// How `get` prints a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// The token alone
    #[default]
    Raw,
    /// An object with the token, its type, scope, times and generation
    Json,
    /// An HTTP header, for `curl -H @-`
    Header,
}

impl Format {
    pub(super) fn render(self, token: &AccessToken) -> String {
        match self {
            Self::Raw => raw::render(token),
            Self::Json => json::render(token),
            Self::Header => header::render(token),
        }
    }
}
