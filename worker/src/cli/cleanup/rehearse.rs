//! `cleanup rehearse`: a clean-up from its look to its look back, on a copy of the database.

use std::{collections::BTreeMap, path::PathBuf};

use tokenkeeper_shared::{
    clock::SystemClock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
};

use super::{chosen, output, tell};
use crate::{
    cleanup::{
        database::{Access, Database},
        policy::Policy,
        rehearsal::{Rehearsal, Report},
        survey::Survey,
    },
    cli::signals,
};

/// Where the copy goes, and what becomes of it.
pub(super) struct CopyWish {
    pub(super) is_kept: bool,
    pub(super) folder: Option<PathBuf>,
}

/// 0 when all that is dead went, 3 when something would be left, 1 when the look back found a defect.
pub(super) async fn rehearse(
    policies: &BTreeMap<String, Policy>,
    names: &[String],
    url: DatabaseUrl,
    wish: CopyWish,
    json: bool,
) -> Result<Exit, Failure> {
    let stop = signals::stop()?;
    let database = Database::open(url.clone(), Access::Look)?;
    let clock = database.clock().await?;
    let chosen = chosen(policies, names, &database, clock).await?;
    for policy in &chosen {
        let survey = Survey { policy, database: &database, clock };
        let lacks = survey.lacks(true).await?;
        if !lacks.is_empty() {
            return tell(&[survey.refused(lacks)], json);
        }
        if !survey.check().await?.problems.is_empty() {
            return tell(&[survey.plan().await?], json);
        }
    }
    database.close().await;
    if chosen.is_empty() {
        return Ok(Exit::Ok);
    }
    let rehearsal = Rehearsal {
        source: &url,
        policies: &chosen,
        is_kept: wish.is_kept,
        folder: wish.folder,
        stop: &stop,
        host: &SystemClock::new(),
    };
    let report = Box::pin(rehearsal.run()).await?;
    show(&report, json)?;
    let has = |status: &str| report.policies.iter().any(|policy| policy.status == status);
    Ok(if has("failed") {
        Exit::Internal
    } else if has("partly") {
        Exit::Partly
    } else {
        Exit::Ok
    })
}

fn show(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(report);
    }
    for left in &report.dropped {
        output::note(&format!("dropped {left}, which a rehearsal that was killed had left"));
    }
    for line in report.lines() {
        output::line(&line)?;
    }
    output::note("nothing was changed but on the copy");
    Ok(())
}
