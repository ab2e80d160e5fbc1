//! The tokens: whether each works, can be opened, and is renewed early enough for the timer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    lifecycle,
    name::TokenName,
    store::Store,
    token::{State, Token},
};

use super::{super::context::Context, finding::Finding};
use crate::{config::TokenConfig, report::text};

/// Nothing where the database is not to be had: that is told elsewhere.
pub(super) async fn findings(context: &Context, interval: Duration) -> Vec<Finding> {
    match of_store(context, interval).await {
        Ok(findings) => findings,
        Err(failure) if failure.is_databases => Vec::new(),
        Err(failure) => vec![Finding::failed("tokens", &failure)],
    }
}

async fn of_store(context: &Context, interval: Duration) -> Result<Vec<Finding>, Failure> {
    if context.settings.database_url.file().is_some_and(|file| !file.exists()) {
        return Ok(Vec::new());
    }
    let store = context.unmigrated_store()?;
    store.check_schema().await?;
    let mut findings = Vec::new();
    for (name, config) in &context.config.tokens {
        let check = format!("token {name}");
        findings.push(match store.read(name).await? {
            None => Finding::warn(check, "never kept yet: run `tokenkeeper-worker run`"),
            Some((row, now)) => of_row(&store, (name, &row), config, (interval, now)),
        });
    }
    store.close().await;
    Ok(findings)
}

fn of_row(
    store: &Store,
    (name, row): (&TokenName, &Token),
    config: &TokenConfig,
    (interval, now): (Duration, DateTime<Utc>),
) -> Finding {
    let check = format!("token {name}");
    let why = row.last_error.as_deref().unwrap_or("no reason is told");
    if row.state == State::NeedsLogin {
        let mend = format!("mend the cause and run `tokenkeeper-worker refresh {name} --force`");
        return Finding::fail(
            Exit::NeedsHuman,
            check,
            format!("it waits for a human ({why}): {mend}"),
        );
    }
    if let Err(error) = store.open_access_token(row) {
        return Finding::fail(Exit::Usage, check, error.to_string());
    }
    if !row.is_valid(now) {
        let next = row.next_attempt_at.map(|at| format!(", next try {}", text(at)));
        let message = format!("it has no valid token ({why}){}", next.unwrap_or_default());
        return Finding::fail(Exit::NoValidToken, check, message);
    }
    if row.uncertain_tries > 0 {
        return Finding::warn(check, "its refresh token may be spent without an answer");
    }
    let until = row.access_token_expires.map(text).unwrap_or_default();
    match too_short(row, config, interval) {
        Some(lead) => Finding::warn(check, too_short_words(lead, interval)),
        None => Finding::ok(check, format!("valid until {until}")),
    }
}

/// The lead of a token that a timer of this interval may miss: three tries must fit into it.
fn too_short(row: &Token, config: &TokenConfig, interval: Duration) -> Option<Duration> {
    let lead = lifecycle::lead(row.lifetime()?, config.policy.refresh_before);
    (lead < interval.saturating_mul(TRIES)).then_some(lead)
}

fn too_short_words(lead: Duration, interval: Duration) -> String {
    let [lead, interval, better] = [lead, interval, lead / TRIES]
        .map(|time| humantime::format_duration(Duration::from_secs(time.as_secs())).to_string());
    format!(
        "it is renewed {lead} before it expires, and a timer of {interval} fits fewer than three tries \
         into that: run the worker every {better}, or raise refresh_before where the token lives longer"
    )
}

const TRIES: u32 = 3;
