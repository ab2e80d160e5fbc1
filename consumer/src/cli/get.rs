//! `get NAME`: one token on stdout, and nothing else there.

use tokenkeeper_shared::exit::Failure;

use super::{
    GetArguments, Meanwhile,
    failure::{self, time},
    output,
};
use crate::{AccessToken, Consumer, Request, WhileUpdating};

pub(super) async fn get(
    consumer: &Consumer,
    arguments: GetArguments,
    json: bool,
) -> Result<(), Failure> {
    let GetArguments { name, min_ttl, wait, while_updating, format } = arguments;
    let while_updating = match while_updating {
        Meanwhile::Wait => WhileUpdating::Wait,
        Meanwhile::Serve => WhileUpdating::Serve,
    };
    let token = consumer.get(&name, Request { min_ttl, wait, while_updating }).await;
    let token = token.map_err(|error| failure::of(&error))?;
    warn(&token);
    let format = if json { output::Format::Json } else { format };
    output::line(&format.render(&token))
}

/// The most useful sentence at 3 a.m.: until when what is stored works.
fn warn(token: &AccessToken) {
    let Some(warning) = token.warning() else {
        return;
    };
    let until = token.expires_at().map(time).unwrap_or_default();
    let why = token.row().last_error.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    output::note(&format!(
        "warning: {}: the stored token works until {until}, but {warning}{why}",
        token.row().name
    ));
}
