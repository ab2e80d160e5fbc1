//! Before the first claim: what an earlier run left is stored, new names get rows, and refused logins
//! whose credentials have changed become due.

use tokenkeeper_shared::{
    clock,
    name::TokenName,
    store::{Event, NAMES_AT_ONCE, StoreError},
};
use tracing::info;
use uuid::Uuid;

use super::{PAGE, Tokens};
use crate::{
    exchange::Exchanger,
    journal::replay::{self, Settled},
    report::{Done, Report},
};

/// Stores what an earlier run had from a provider and could not store. What came of it is written
/// into the history at once: a run that finds nothing else to do may end before its rest.
pub(crate) async fn replay(exchanger: &Exchanger, report: &mut Report) -> Result<(), StoreError> {
    let Some(folder) = exchanger.journal.folder() else { return Ok(()) };
    let (now, is_over) = (|| exchanger.time.now(), || exchanger.is_over());
    let replayed = replay::replay(folder, &exchanger.store, now, is_over).await?;
    for settled in replayed.settled {
        if settled.is_stored {
            info!(token = %settled.name, "stored from the journal of an earlier run");
            report.add(Done::Replayed);
        } else {
            info!(token = %settled.name, "an answer in the journal is older than what is stored: dropped");
        }
        exchanger.events.add(event(settled, &exchanger.worker));
    }
    exchanger.events.flush(&exchanger.store).await;
    Ok(())
}

fn event(settled: Settled, worker: &str) -> Event {
    let Settled { name, attempt, is_stored, generation, problem, during: (began, ended) } = settled;
    let (outcome, message) = match (is_stored, problem) {
        (true, Some(problem)) => ("partial", Some(problem)),
        (true, None) => ("ok", None),
        (false, _) => ("fenced", None),
    };
    Event {
        name,
        at: began,
        worker: worker.to_owned(),
        attempt,
        action: "replay".to_owned(),
        outcome: outcome.to_owned(),
        generation,
        duration: clock::until(began, ended),
        message,
    }
}

/// Makes rows due again whose login was refused with other credentials than those of today.
pub(super) async fn readmit(exchanger: &Exchanger, tokens: &Tokens) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    while !exchanger.is_over() {
        let page = exchanger.store.refused(after, PAGE).await?;
        for refused in &page {
            if exchanger.is_over() {
                break;
            }
            let Some((token, _)) = tokens.get(&refused.name) else { continue };
            let now = exchanger.time.now();
            let is_changed = exchanger.login_digest(token).is_some_and(|new| new != refused.login);
            let is_open = now >= refused.opens_at;
            if is_changed && is_open && exchanger.store.readmit(refused, now).await? {
                info!(token = %refused.name, "the credentials have changed: trying them");
            }
        }
        match page.last() {
            Some(last) if page.len() == usize::from(PAGE) => after = last.id,
            _ => break,
        }
    }
    Ok(())
}

/// Gives every configured name a row: a first login then goes the way of every renewal.
pub(super) async fn enrol(exchanger: &Exchanger, tokens: &Tokens) -> Result<(), StoreError> {
    let names: Vec<&TokenName> = tokens.keys().collect();
    for names in names.chunks(NAMES_AT_ONCE) {
        if exchanger.is_over() {
            break;
        }
        for name in exchanger.store.without_row(names).await? {
            if exchanger.is_over() {
                break;
            }
            let provider = tokens[name].0.provider.word();
            exchanger.store.enrol(name, provider, exchanger.time.now()).await?;
        }
    }
    Ok(())
}
