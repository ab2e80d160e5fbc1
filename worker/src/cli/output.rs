//! Results go to stdout, messages to stderr, errors in one place. A closed pipe ends quietly.

use std::io::Write;

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
