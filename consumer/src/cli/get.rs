//! `get NAME`: one token on stdout, and nothing else there.

use clap::Args;
use tokenkeeper_shared::{exit::Failure, name::TokenName};

use super::{
    completions, failure,
    output::{self, Asked, Shown},
    request::{FormatArgument, RequestArguments},
};
use crate::Consumer;

#[derive(Debug, Args)]
pub(super) struct GetArguments {
    /// The token
    #[arg(add = completions::names())]
    name: TokenName,
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    format: FormatArgument,
    /// The user's name that goes with the token to git or docker
    #[arg(long, value_name = "USER", default_value = "oauth2")]
    username: String,
    /// What git or docker ask for; they add it themselves
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
}

/// Opens the database only when a token is asked for: git has everything that it sees stored.
pub(super) async fn get(
    open: impl FnOnce() -> Result<Consumer, Failure>,
    arguments: GetArguments,
    json: bool,
) -> Result<(), Failure> {
    let GetArguments { name, request, format, username, operation } = arguments;
    let format = format.or_json(json);
    let asked = match format.asked(operation.as_deref(), std::io::stdin().lock())? {
        Asked::Token(caller) => caller.with_username(username),
        Asked::Text(text) => return output::line(&text),
        Asked::Nothing => return Ok(()),
    };
    let token = open()?.get(&name, request.request()).await;
    let token = token.map_err(|error| failure::of(&error))?;
    // The most useful sentence at 3 a.m.: until when what is stored works.
    if let Some(warning) = token.warning_text() {
        output::note(&format!("warning: {warning}"));
    }
    output::line(&format.render(&Shown::of(&token), &asked)?)
}
