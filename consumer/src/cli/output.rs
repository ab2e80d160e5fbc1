//! What is printed where: results on stdout, everything else on stderr. One file per format.

mod header;
mod json;
mod raw;

use std::io::Write;

use tokenkeeper_shared::exit::Failure;

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

/// Prints one line of result; a reader that left has what it wanted.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Tells something that is no result.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells why the program ends.
pub(super) fn failure(failure: &Failure, json: bool) {
    note(&if json {
        failure.json()
    } else {
        format!("error: {failure}")
    });
}
