//! `refresh NAME`: one row now, due or not.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock,
    exit::{Exit, Failure},
    lifecycle,
    name::TokenName,
    seal::SealError,
    store::Unopened,
    token::{State, Token},
};

use super::{
    context::{self, Context},
    output, run, signals,
};
use crate::{
    exchange::Exchanger,
    pass,
    report::{self, Report},
};

pub(super) async fn refresh(
    context: &Context,
    name: &TokenName,
    force: bool,
) -> Result<Exit, Failure> {
    run::known(context, std::slice::from_ref(name))?;
    let store = context.store().await?;
    let exchanger = context.exchanger(store.clone(), signals::stop()?).await?;
    let exchanger = context::shared(exchanger);
    let ended = renew(context, &exchanger, name, force).await;
    // However it ended: what was tried belongs into the history.
    match &ended {
        Ok(_) => exchanger.rest().await,
        Err(_) => drop(exchanger.write_out().await),
    }
    store.close().await;
    match ended? {
        Ended::Told(report) => run::tell(&report, context.json),
        Ended::NotClaimed(row, now) => not_claimed(&row, now, context.json),
    }
}

enum Ended {
    Told(Report),
    /// The row as it was when the claim found nothing to claim.
    NotClaimed(Box<Token>, DateTime<Utc>),
}

async fn renew(
    context: &Context,
    exchanger: &Arc<Exchanger>,
    name: &TokenName,
    force: bool,
) -> Result<Ended, Failure> {
    let (store, config) = (&exchanger.store, context.config.tokens[name].clone());
    let mut report = Report::default();
    pass::replay(exchanger, &mut report).await?;
    if !store.without_row(&[name]).await?.is_empty() {
        store.enrol(name, config.provider.word(), exchanger.time.now()).await?;
    }
    let Some((row, now)) = store.read(name).await? else {
        return Err(Failure::new(Exit::Internal, format!("the row of \"{name}\" vanished")));
    };
    if row.is_being_updated(now) {
        let holder = row.worker.as_deref().unwrap_or("another worker");
        let message =
            format!("\"{name}\" is being renewed by {holder} right now: its result is yours too");
        return Err(Failure::new(Exit::Busy, message));
    }
    let config = Arc::new(config);
    let done = match store.claim_named(&row, force, &exchanger.worker, now).await? {
        Some(Ok(claimed)) => exchanger.clone().keep(config, claimed).await,
        // How a store that was kept in clear comes to be sealed: what lies in clear is not trusted,
        // a login is.
        Some(Err(Unopened { claimed, source: SealError::InClear }))
            if force && config.provider.can_login() =>
        {
            exchanger.clone().keep(config, *claimed).await
        }
        Some(Err(unopened)) => exchanger.refuse(&config, unopened).await,
        None => return Ok(Ended::NotClaimed(Box::new(row), now)),
    };
    report.add(done);
    let waits = store.read(name).await?.is_some_and(|(row, _)| row.state == State::NeedsLogin);
    report.needs_login = waits.then(|| name.to_string()).into_iter().collect();
    Ok(Ended::Told(report))
}

/// Why a claim by name found nothing to claim. A token renewed just now is what was asked for.
fn not_claimed(row: &Token, now: DateTime<Utc>, json: bool) -> Result<Exit, Failure> {
    let name = &row.name;
    let gap = lifecycle::minimum_gap(row.lifetime().unwrap_or_default());
    let (exit, why) = match (row.state, row.last_success_at) {
        (State::Disabled, _) => (Exit::Usage, "it is disabled"),
        (State::NeedsLogin, _) => {
            (Exit::NeedsHuman, "it waits for a human: mend the cause and add --force")
        }
        (_, Some(at)) if now < clock::after(at, gap) => {
            output::note(&format!(
                "{name}: renewed at {}; add --force to renew it again",
                report::text(at)
            ));
            if json {
                output::json(&Report::default())?;
            }
            return Ok(Exit::Ok);
        }
        _ => (Exit::Busy, "another worker took it meanwhile"),
    };
    Err(Failure::new(exit, format!("\"{name}\" was not renewed: {why}")))
}
