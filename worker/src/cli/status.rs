//! `status`: each token's state in words and times. Rows are read and printed page by page.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use tokenkeeper_shared::{
    clock,
    exit::{Exit, Failure},
    name::TokenName,
    store::Store,
    token::{State, Token},
};

use super::{context::Context, output};
use crate::{
    journal::left::{self, Seen},
    report::{counted, text},
};

/// A token as `--json` shows it. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    provider: String,
    state: State,
    generation: i64,
    valid: bool,
    expires_at: Option<String>,
    expires_in: Option<u64>,
    renews_at: Option<String>,
    updating: bool,
    worker: Option<String>,
    last_success_at: Option<String>,
    failures: i64,
    next_attempt_at: Option<String>,
    uncertain_since: Option<String>,
    last_error_class: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<String>,
}

pub(super) async fn status(context: &Context, names: &[TokenName]) -> Result<Exit, Failure> {
    let store = context.reader()?;
    store.check_schema().await?;
    let now = store.time().await?.now();
    if !context.json {
        output::line(&columns(HEADINGS))?;
    }
    let mut shown = 0;
    if names.is_empty() {
        let mut after = None;
        loop {
            let page = store.page(after.as_ref(), PAGE).await?;
            for token in &page {
                show(context, token, now)?;
            }
            shown += page.len();
            match page.last() {
                Some(last) if page.len() == usize::from(PAGE) => after = Some(last.name.clone()),
                _ => break,
            }
        }
    }
    for name in names {
        show(context, &named(&store, name).await?, now)?;
        shown += 1;
    }
    store.close().await;
    note_journal(context);
    if shown == 0 {
        output::note("no token is kept yet: run `tokenkeeper-worker run`");
    }
    Ok(Exit::Ok)
}

/// What waits in this host's journal is newer than what is shown.
fn note_journal(context: &Context) {
    let Some(folder) = context.journal_folder() else { return };
    let Seen { answers, locked, .. } = left::look(&folder).unwrap_or_default();
    if answers > 0 {
        let wait = if answers == 1 { "waits" } else { "wait" };
        output::note(&format!(
            "{} {wait} in the journal {}: `tokenkeeper-worker run` stores what is there",
            counted(answers, "answer"),
            folder.display()
        ));
    }
    for locked in locked {
        output::note(&locked.to_string());
    }
}

pub(super) async fn named(store: &Store, name: &TokenName) -> Result<Token, Failure> {
    let read = store.read(name).await?;
    read.map(|(token, _)| token).ok_or_else(|| {
        let message =
            format!("there is no token named \"{name}\": see `tokenkeeper-worker status`");
        Failure::new(Exit::NoSuchName, message)
    })
}

/// One token, one line: in JSON one object a line, so that a long list needs no memory.
fn show(context: &Context, token: &Token, now: DateTime<Utc>) -> Result<(), Failure> {
    if context.json {
        return output::json(&json!(Shown::of(token, now)));
    }
    let ago = |at: Option<DateTime<Utc>>| {
        at.map_or("never".to_owned(), |at| format!("{} ago", brief(at, now)))
    };
    let left = match token.access_token_expires {
        Some(_) if token.is_valid(now) => brief(now, now + token.valid_for(now)),
        Some(at) => format!("dead for {}", brief(at, now)),
        None => "no token".to_owned(),
    };
    let renews = match token.state {
        State::New | State::Ok if token.refresh_at > now => {
            format!("in {}", brief(now, token.refresh_at))
        }
        State::New | State::Ok => "now".to_owned(),
        State::NeedsLogin | State::Disabled => "never".to_owned(),
    };
    let state =
        if token.is_being_updated(now) { "updating".to_owned() } else { token.state.to_string() };
    let why = match (&token.last_error_class, &token.last_error) {
        (Some(class), Some(error)) => format!("{class}: {error}"),
        _ => String::new(),
    };
    let failures = token.failures.to_string();
    output::line(&columns([
        token.name.as_str(),
        &state,
        &left,
        &renews,
        &ago(token.last_success_at),
        &failures,
        &why,
    ]))
}

impl Shown {
    fn of(token: &Token, now: DateTime<Utc>) -> Self {
        let time = |at: Option<DateTime<Utc>>| at.map(text);
        let waits = matches!(token.state, State::NeedsLogin | State::Disabled);
        Self {
            name: token.name.to_string(),
            provider: token.provider.clone(),
            state: token.state,
            generation: token.generation,
            valid: token.is_valid(now),
            expires_at: time(token.access_token_expires),
            expires_in: token.access_token_expires.map(|_| token.valid_for(now).as_secs()),
            renews_at: time(Some(token.refresh_at).filter(|_| !waits)),
            updating: token.is_being_updated(now),
            worker: token.worker.clone(),
            last_success_at: time(token.last_success_at),
            failures: token.failures,
            next_attempt_at: time(token.next_attempt_at),
            uncertain_since: time(token.uncertain_since),
            last_error_class: token.last_error_class.clone(),
            last_error: token.last_error.clone(),
            last_error_at: time(token.last_error_at),
        }
    }
}

/// The two largest units of the time between two instants: `11h 3m`.
fn brief(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let whole = std::time::Duration::from_secs(clock::until(from, to).as_secs());
    let written = humantime::format_duration(whole).to_string();
    written.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Widths that suit most names; a longer one pushes its line.
fn columns([name, state, left, renews, success, failures, why]: [&str; 7]) -> String {
    format!("{name:<20} {state:<12} {left:<16} {renews:<12} {success:<14} {failures:>8}  {why}")
        .trim_end()
        .to_owned()
}

const HEADINGS: [&str; 7] =
    ["NAME", "STATE", "EXPIRES IN", "RENEWS", "LAST SUCCESS", "FAILURES", "LAST FAILURE"];

const PAGE: u16 = 256;
