//! `get NAME`: one token on stdout, and nothing else there.

use tokenkeeper_shared::exit::Failure;

use super::{GetArguments, Meanwhile, failure, output};
use crate::{Consumer, Request, WhileUpdating};

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
    // The most useful sentence at 3 a.m.: until when what is stored works.
    if let Some(warning) = token.warning_text() {
        output::note(&format!("warning: {warning}"));
    }
    let format = if json { output::Format::Json } else { format };
    output::line(&format.render(&token))
}
