//! `cleanup status` and `cleanup history`: what earlier runs did, as the database has it.

use std::{collections::BTreeSet, time::Duration};

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
};

use super::output;
use crate::cleanup::{
    database::{Access, Database},
    lag::shown,
    ledger::{self, Told},
};

/// The last run of each policy. 3 when one is cut off or left something, 1 when one failed.
pub(super) async fn status(url: DatabaseUrl, json: bool) -> Result<Exit, Failure> {
    let mut policies = BTreeSet::new();
    let mut runs = read(url, None, u16::MAX).await?;
    runs.retain(|told| policies.insert(told.policy.clone()));
    tell(&runs, json)?;
    let has = |wrong: &dyn Fn(&Told) -> bool| runs.iter().any(wrong);
    if has(&|told| told.status == "failed") {
        return Ok(Exit::Internal);
    }
    let is_left = |told: &Told| {
        LEFT.contains(&told.status.as_str()) || told.is_lapsed && told.ended_at.is_none()
    };
    Ok(if has(&is_left) { Exit::Partly } else { Exit::Ok })
}

pub(super) async fn history(
    url: DatabaseUrl,
    policy: Option<&str>,
    limit: u16,
    json: bool,
) -> Result<Exit, Failure> {
    tell(&read(url, policy, limit).await?, json)?;
    Ok(Exit::Ok)
}

async fn read(url: DatabaseUrl, policy: Option<&str>, limit: u16) -> Result<Vec<Told>, Failure> {
    let database = Database::open(url, Access::Look)?;
    let mut session = database.session().await?;
    let runs = ledger::history(&mut session, policy, limit).await?;
    session.close().await;
    database.close().await;
    Ok(runs)
}

fn tell(runs: &[Told], json: bool) -> Result<(), Failure> {
    for told in runs {
        if json {
            output::json(told)?;
            continue;
        }
        let state = match &told.ended_at {
            Some(ended_at) => format!("{} at {ended_at}", told.status),
            None if told.is_lapsed => "cut off: the next run goes on with it".to_owned(),
            None => "running".to_owned(),
        };
        let Told { run, policy, slot, runner, started_at, restored, .. } = told;
        let deleted = told.progress.deleted();
        let restored = match restored {
            0 => String::new(),
            rows => format!("  {rows} brought back, with children"),
        };
        let given_up = told.progress.given_up_at.as_ref();
        let given_up = given_up.map_or(String::new(), |at| format!("  backup given up at {at}"));
        let waited: u64 = told.progress.waited_ms.values().sum();
        let waited = match Duration::from_millis(waited) {
            time if time.as_secs() == 0 => String::new(),
            time => format!("  waited {} for replicas", shown(time)),
        };
        output::line(&format!(
            "{policy}  run {run}  slot {slot}  begun {started_at} by {runner}  {state}  {deleted} rows{waited}{restored}{given_up}"
        ))?;
    }
    if runs.is_empty() && !json {
        output::note("nothing was cleaned here yet");
    }
    Ok(())
}

/// What a run left is for the next one; what a restore left, for the next restore.
const LEFT: [&str; 3] = ["partly", "restoring", "restored_partly"];
