//! `history NAME`: what was tried for a token and how it ended, newest first.

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
    store::Event,
};

use super::{context::Context, output, status};
use crate::report::text;

pub(super) async fn history(
    context: &Context,
    name: &TokenName,
    limit: u16,
) -> Result<Exit, Failure> {
    let store = context.reader()?;
    store.check_schema().await?;
    let events = store.history(name, limit).await?;
    if events.is_empty() {
        // Says so where there is no such token.
        status::named(&store, name).await?;
        output::note(&format!("{name}: nothing was tried in the last 30 days"));
    }
    store.close().await;
    if !context.json && !events.is_empty() {
        output::line(&columns(HEADINGS))?;
    }
    for event in &events {
        show(context, event)?;
    }
    Ok(Exit::Ok)
}

/// In JSON one object a line; fields are only ever added.
fn show(context: &Context, event: &Event) -> Result<(), Failure> {
    let Event { name, at, worker, attempt, action, outcome, generation, duration, message } = event;
    if context.json {
        return output::json(&json!({
            "name": name,
            "at": text(*at),
            "action": action,
            "outcome": outcome,
            "generation": generation,
            "duration_ms": u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "worker": worker,
            "attempt": attempt,
            "message": message,
        }));
    }
    let took = format!("{} ms", duration.as_millis());
    let message = message.as_deref().unwrap_or_default();
    let generation = generation.to_string();
    output::line(&columns([&text(*at), action, outcome, &generation, &took, worker, message]))
}

fn columns([at, action, outcome, generation, took, worker, message]: [&str; 7]) -> String {
    format!("{at:<20} {action:<8} {outcome:<14} {generation:>10} {took:>10}  {worker}  {message}")
        .trim_end()
        .to_owned()
}

const HEADINGS: [&str; 7] =
    ["WHEN", "ACTION", "OUTCOME", "GENERATION", "TOOK", "WORKER", "WHAT WENT WRONG"];
