//! `list`: names and states in words, page by page.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokenkeeper_shared::{
    exit::Failure,
    token::{State, Token},
};

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
            output::line(&if json { object(token, now) } else { words(token, now) })?;
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

/// Fields are only ever added.
fn object(token: &Token, now: DateTime<Utc>) -> String {
    json!({
        "name": token.name.as_str(),
        "state": token.state,
        "valid": token.is_valid(now),
        "expires_at": token.access_token_expires.map(time),
        "expires_in": token.access_token_expires.map(|_| token.valid_for(now).as_secs()),
        "generation": token.generation,
        "updating": token.is_being_updated(now),
        "failures": token.failures,
    })
    .to_string()
}

fn words(token: &Token, now: DateTime<Utc>) -> String {
    let left = match token.access_token_expires {
        Some(at) if token.is_valid(now) => {
            format!("valid until {}, for {}", time(at), brief(token.valid_for(now)))
        }
        Some(at) if token.valid_for(now).is_zero() => format!("expired at {}", time(at)),
        Some(at) => format!("not valid yet, until {}", time(at)),
        None => "no token yet".to_owned(),
    };
    format!("{:<20} {:<20} {left}", token.name.as_str(), state(token, now))
}

/// What a human makes of the row.
fn state(token: &Token, now: DateTime<Utc>) -> &'static str {
    match token.state {
        _ if token.is_being_updated(now) => "being renewed",
        State::NeedsLogin => "needs a login",
        State::Disabled => "disabled",
        _ if token.failures > 0 => "last renewal failed",
        State::New => "new",
        State::Ok => "ok",
    }
}

/// The two largest units: `11h 3m`.
fn brief(length: Duration) -> String {
    let whole = humantime::format_duration(Duration::from_secs(length.as_secs())).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

const PAGE: u16 = 256;
