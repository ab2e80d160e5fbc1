//! How both command lines print: results go to stdout, everything else to stderr. A closed pipe ends
//! quietly. The formats of single results lie with the programs.

use std::{
    env,
    io::{ErrorKind, Write, stderr, stdout},
    process::ExitCode,
};

use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Prints one line of result; a reader that left has what it wanted.
///
/// # Errors
/// [`Exit::Temporary`] when it cannot be written: a full disk is no defect, and may be mended.
pub fn line(text: &str) -> Result<(), Failure> {
    match writeln!(stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Temporary, format!("the result cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints one result as JSON on one line.
///
/// # Errors
/// As [`line()`].
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    line(&text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?)
}

/// Tells something that is no result.
pub fn note(text: &str) {
    // Nobody listens: then nobody misses it.
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Tells why the program ends.
pub fn failure(failure: &Failure, json: bool) {
    note(&if json { failure.json() } else { format!("error: {failure}") });
}

/// Help and version are results; everything else that is wrong with the arguments is a failure,
/// and an object where that was asked for.
#[must_use]
pub fn usage(error: &clap::Error) -> ExitCode {
    let json = env::args_os().any(|argument| argument == "--json");
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
