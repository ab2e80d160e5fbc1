//! What is printed where: results on stdout, everything else on stderr. One file per format.

mod header;
mod json;
mod raw;

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

use tokenkeeper_shared::exit::{Exit, Failure};

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
pub(super) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Temporary, format!("the result cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Tells something that is no result.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells why the program ends.
pub(super) fn failure(failure: &Failure, json: bool) {
    note(&if json { failure.json() } else { format!("error: {failure}") });
}

/// Help and version are results; everything else that is wrong with the arguments is a failure,
/// and an object where that was asked for.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let text = error.render().to_string();
        let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        failure(&Failure::new(Exit::Usage, format!("{reason}; see --help")), json);
    } else {
        // Nobody listens: then nobody misses it.
        let _ = error.print();
    }
    if error.use_stderr() { ExitCode::from(Exit::Usage.code()) } else { ExitCode::SUCCESS }
}
