//! How a token is printed, one file per format. Where it is printed lies in the shared `output`.

mod docker_credential;
mod dotenv;
mod env;
mod exec_credential;
mod fish;
mod format;
mod git_credential;
mod header;
#[cfg(test)]
mod hostile;
mod json;
mod powershell;
mod raw;
mod shown;
mod template;
mod variables;

use std::io::{ErrorKind, Write, stdout};

use tokenkeeper_shared::exit::{Exit, Failure};
pub(super) use tokenkeeper_shared::output::{failure, line, note, usage};

use self::format::no_operation;
pub(super) use self::{
    format::{Asked, Caller, Format, NAMED, help},
    shown::Shown,
};

/// Prints one line of result, and says whether somebody reads on.
pub(super) fn is_read(text: &str) -> Result<bool, Failure> {
    match writeln!(stdout().lock(), "{text}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(Failure::new(Exit::Temporary, format!("the result cannot be written: {error}")))
        }
    }
}
