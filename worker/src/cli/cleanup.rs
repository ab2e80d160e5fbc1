//! `cleanup`: what clean-up would delete of an authorization server's database; with `--apply`, deleting it
//! (`apply`), all of that on a copy (`rehearse`), what earlier runs did (`history`), bringing back what they
//! deleted (`restore`), the end of old backups (`prune`), and others' scripts (`lint`). Its
//! verbs are listed in `verb`.

pub(super) mod address;
pub(super) mod apply;
mod history;
mod lint;
mod policies;
mod prune;
mod rehearse;
mod restore;
mod script;
mod verb;

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::Environment,
};

use self::{
    address::database_url,
    apply::Figures,
    verb::{CleanupVerb, ShowVerb},
};
use super::output;
use crate::cleanup::{
    cutoff::DatabaseClock,
    database::{Access, Database},
    policy::{self, Policy, PolicyError},
    survey::{Plan, Survey},
};

/// What `cleanup` is called with.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CleanupArguments {
    /// Only these policies [default: each whose tables are there]
    policies: Vec<String>,
    /// The database to look at, without a password
    /// [default: what `TOKENKEEPER_CLEANUP_DATABASE_URL` says]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    #[command(flatten)]
    apply: apply::ApplyArguments,
    /// A policy file of yours, or a folder of them, beside the shipped ones
    #[arg(long, global = true, value_name = "PATH", env = "TOKENKEEPER_CLEANUP_POLICIES")]
    policy_files: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<CleanupVerb>,
}

pub(super) async fn cleanup(
    environment: &Environment,
    config: Option<PathBuf>,
    arguments: CleanupArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let policies = match &arguments.policy_files {
        Some(path) => policy::load(path),
        None => policy::shipped(),
    }
    .map_err(|error: PolicyError| Failure::new(Exit::Usage, error.to_string()))?;
    match arguments.verb {
        Some(CleanupVerb::Policies { verb: None }) => policies::list(&policies, json),
        Some(CleanupVerb::Policies { verb: Some(ShowVerb::Show { name }) }) => {
            policies::show(named(&policies, &name)?, json)
        }
        Some(CleanupVerb::Rehearse { policies: names, keep_copy, copy_to }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let wish = rehearse::CopyWish { is_kept: keep_copy, folder: copy_to };
            let done = rehearse::rehearse(&policies, &names, url.clone(), wish, json).await;
            done.map_err(|failure| failure.naming(&url))
        }
        Some(CleanupVerb::Script { policy, dialect }) => {
            script::script(named(&policies, &policy)?, dialect, json)
        }
        Some(CleanupVerb::Lint(arguments)) => lint::run(&policies, &arguments, json),
        Some(CleanupVerb::Status) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let told = history::status(url.clone(), json).await;
            told.map_err(|failure| failure.naming(&url))
        }
        Some(CleanupVerb::History { policy, limit }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let told = history::history(url.clone(), policy.as_deref(), limit, json).await;
            told.map_err(|failure| failure.naming(&url))
        }
        Some(CleanupVerb::Restore { run, dry_run, from }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let done = restore::restore(url.clone(), &run, from.as_deref(), dry_run, json).await;
            done.map_err(|failure| failure.naming(&url))
        }
        Some(CleanupVerb::PruneBackups(aged)) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let done = prune::prune(url.clone(), &aged, json).await;
            done.map_err(|failure| failure.naming(&url))
        }
        None => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let names = &arguments.policies;
            let done = if arguments.apply.apply {
                let telling = apply::Telling { figures: Figures { environment, config }, json };
                apply::apply(&policies, names, url.clone(), &arguments.apply, &telling).await
            } else {
                plan(&policies, names, url.clone(), json).await
            };
            done.map_err(|failure| failure.naming(&url))
        }
    }
}

async fn plan(
    policies: &BTreeMap<String, Policy>,
    names: &[String],
    url: DatabaseUrl,
    json: bool,
) -> Result<Exit, Failure> {
    let database = Database::open(url, Access::Look)?;
    let clock = database.clock().await?;
    let mut plans = Vec::new();
    for policy in chosen(policies, names, &database, clock).await? {
        plans.push(Survey { policy, database: &database, clock }.plan().await?);
    }
    database.close().await;
    tell(&plans, json)
}

/// The policies that are named, or those whose tables are there.
async fn chosen<'a>(
    policies: &'a BTreeMap<String, Policy>,
    names: &[String],
    database: &Database,
    clock: DatabaseClock,
) -> Result<Vec<&'a Policy>, Failure> {
    if !names.is_empty() {
        return names.iter().map(|name| named(policies, name)).collect();
    }
    let mut chosen = Vec::new();
    for policy in policies.values() {
        let is_for = policy.dialects.contains_key(&database.dialect());
        if is_for && (Survey { policy, database, clock }).is_present().await? {
            chosen.push(policy);
        }
    }
    if chosen.is_empty() {
        output::note("no policy's tables are there: see `tokenkeeper-worker cleanup policies`");
    }
    Ok(chosen)
}

/// In JSON one object a line.
fn tell(plans: &[Plan], json: bool) -> Result<Exit, Failure> {
    for plan in plans {
        if json {
            output::json(plan)?;
        } else {
            for line in plan.lines() {
                output::line(&line)?;
            }
        }
    }
    if !json && !plans.is_empty() {
        output::note("nothing was changed");
    }
    Ok(if plans.iter().any(Plan::is_refused) { Exit::Usage } else { Exit::Ok })
}

pub(super) fn named<'a>(
    policies: &'a BTreeMap<String, Policy>,
    name: &str,
) -> Result<&'a Policy, Failure> {
    policies.get(name).ok_or_else(|| {
        let shown: String = name.escape_debug().take(64).collect();
        let message =
            format!("there is no policy \"{shown}\": see `tokenkeeper-worker cleanup policies`");
        Failure::new(Exit::NoSuchName, message)
    })
}
