//! `list`: names and states, page by page.

use serde_json::json;
use tokenkeeper_shared::exit::Failure;

use super::{
    failure::{self, time},
    output,
};
use crate::Consumer;

pub(super) async fn list(consumer: &Consumer, json: bool) -> Result<(), Failure> {
    let (mut after, mut none) = (None, true);
    let now = consumer.now().await.map_err(|error| failure::of(&error))?;
    loop {
        let page =
            consumer.list(after.as_ref(), PAGE).await.map_err(|error| failure::of(&error))?;
        for token in &page {
            none = false;
            let expires_at = token.access_token_expires.map(time);
            let valid = token.is_valid(now);
            if json {
                output::line(
                    &json!({
                        "name": token.name.as_str(),
                        "state": token.state,
                        "valid": valid,
                        "expires_at": expires_at,
                        "generation": token.generation,
                    })
                    .to_string(),
                )?;
            } else {
                let until = match expires_at {
                    Some(at) if valid => format!("valid until {at}"),
                    Some(at) => format!("expired at {at}"),
                    None => "no token yet".to_owned(),
                };
                output::line(&format!(
                    "{:<20} {:<12} {until}",
                    token.name.as_str(),
                    token.state.as_str()
                ))?;
            }
        }
        match page.last() {
            Some(last) if page.len() == usize::from(PAGE) => after = Some(last.name.clone()),
            _ => break,
        }
    }
    if none {
        output::note("no token is kept yet: run `tokenkeeper-worker run`");
    }
    Ok(())
}

const PAGE: u16 = 256;
