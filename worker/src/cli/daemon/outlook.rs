//! What a daemon would do when: for `daemon --dry-run` and `doctor`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokenkeeper_shared::{
    clock::{Clock, SystemClock},
    exit::{Exit, Failure},
    name::TokenName,
    settings::Environment,
    store::{NAMES_AT_ONCE, Store, StoreError},
};

use super::Source;
use crate::{
    cli::{context::Context, output},
    config::CleanupJob,
    report,
};

/// Prints what would run when. Nothing is changed, and no cleaned database is asked.
pub(in crate::cli) async fn dry_run(
    environment: Environment,
    config: Option<PathBuf>,
    json: bool,
) -> Result<Exit, Failure> {
    let context = Source { environment, config, json }.load()?;
    let now = SystemClock::new().utc();
    let tokens = tokens(&context).await;
    if json {
        let jobs = context.config.cleanups.iter();
        let jobs: Vec<Value> = jobs.map(|(name, job)| told(name, job, now)).collect();
        output::json(&json!({ "version": 1, "tokens": tokens, "cleanups": jobs }))?;
        return Ok(Exit::Ok);
    }
    output::line(&format!("tokens: {tokens}"))?;
    for (name, job) in &context.config.cleanups {
        output::line(&format!("cleanup {name}: {}", upcoming(job, now)))?;
    }
    Ok(Exit::Ok)
}

/// The schedule and its next three instants.
pub(in crate::cli) fn upcoming(job: &CleanupJob, now: DateTime<Utc>) -> String {
    let next = job.schedule.upcoming(now, SHOWN).into_iter();
    let next: Vec<String> = next.map(|next| job.schedule.shown(next)).collect();
    let next = if next.is_empty() { "never again".to_owned() } else { next.join(", ") };
    format!("{}: {next}", job.schedule)
}

async fn tokens(context: &Context) -> String {
    if context.config.tokens.is_empty() {
        return "none are configured".to_owned();
    }
    match next(context).await {
        Err(failure) => format!("the database cannot be asked: {failure}"),
        Ok(None) => "a pass at the start; then nothing is due by itself".to_owned(),
        Ok(Some(due)) => {
            format!("a pass at the start; the first row is due at {}", report::text(due))
        }
    }
}

async fn next(context: &Context) -> Result<Option<DateTime<Utc>>, Failure> {
    let store = context.reader()?;
    store.check_schema().await?;
    let due = next_due(&store, context).await?;
    store.close().await;
    Ok(due)
}

/// When the first configured row is due.
pub(super) async fn next_due(
    store: &Store,
    context: &Context,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let names: Vec<&TokenName> = context.config.tokens.keys().collect();
    let mut first = None;
    for names in names.chunks(NAMES_AT_ONCE) {
        let due = store.next_due(names).await?;
        first = first.into_iter().chain(due).min();
    }
    Ok(first)
}

fn told(name: &str, job: &CleanupJob, now: DateTime<Utc>) -> Value {
    let next = job.schedule.upcoming(now, SHOWN).into_iter();
    let policies: Vec<&str> = job.policies.iter().map(|policy| policy.name.as_str()).collect();
    json!({
        "name": name,
        "schedule": job.schedule.to_string(),
        "policies": policies,
        "next": next.map(report::text).collect::<Vec<_>>(),
    })
}

/// Enough to see what an expression means.
const SHOWN: usize = 3;
