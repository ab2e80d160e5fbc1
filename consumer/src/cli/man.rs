//! `man [VERB]`: the manual, made of what `--help` says.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;
use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::output;

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The verb [default: the program with all of them]
    verb: Option<String>,
    /// Write the pages of the program and of every verb into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "verb")]
    into: Option<PathBuf>,
}

pub(super) fn man(
    mut command: Command,
    arguments: &ManArguments,
    json: bool,
) -> Result<(), Failure> {
    command.build();
    if let Some(folder) = &arguments.into {
        return clap_mangen::generate_to(command, folder).map_err(|error| {
            Failure::new(Exit::Usage, format!("{} cannot be written to: {error}", folder.display()))
        });
    }
    let page = match &arguments.verb {
        None => page(command),
        Some(verb) => page(command.find_subcommand(verb).cloned().ok_or_else(|| unknown(verb))?),
    }?;
    output::line(&if json { json!({ "page": page }).to_string() } else { page })
}

fn page(command: Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    Ok(String::from_utf8_lossy(&page).trim_end().to_owned())
}

fn unknown(verb: &str) -> Failure {
    let shown: String = verb.escape_debug().take(40).collect();
    Failure::new(
        Exit::Usage,
        format!("there is no verb \"{shown}\": see `tokenkeeper-consumer --help`"),
    )
}

pub(super) const HELP: &str = "\
Examples:
  tokenkeeper-consumer man get | man -l -
  tokenkeeper-consumer man --into /usr/local/share/man/man1";
