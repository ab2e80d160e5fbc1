//! Results go to stdout, messages to stderr, errors in one place. A closed pipe ends quietly.

use std::{io::Write, process::ExitCode};

use serde::Serialize;
use tokenkeeper_shared::exit::{Exit, Failure};

/// Prints one line of result.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Internal, format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints one result as JSON on one line.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    line(&text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?)
}

/// Tells something that is no result.
pub(super) fn note(text: &str) {
    // Nobody listens: then nobody misses it.
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
