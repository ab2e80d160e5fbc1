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

pub(super) use tokenkeeper_shared::output::{failure, line, note, usage};

use self::format::{Caller, no_operation};
pub(super) use self::{
    format::{Asked, Format, help},
    shown::Shown,
};
