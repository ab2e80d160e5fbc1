//! `cleanup`: what clean-up would delete of an authorization server's database; with `--apply`, deleting it
//! (`apply`), all of that on a copy (`rehearse`), what earlier runs did (`history`), bringing back what they
//! deleted (`restore`), and the end of old backups (`prune`).

mod address;
mod apply;
mod history;
mod prune;
mod rehearse;
mod restore;
mod script;

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::Environment,
};

use self::address::database_url;
use self::apply::Figures;
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
    verb: Option<PoliciesVerb>,
}

#[derive(Debug, Subcommand)]
enum PoliciesVerb {
    /// List the policies
    Policies {
        #[command(subcommand)]
        verb: Option<ShowVerb>,
    },
    /// Clean a copy of the database, and tell what went and how long it took
    ///
    /// The look, the batches, the backups and the look back are those of --apply. The copy lies beside the
    /// database, is called `tokenkeeper_rehearsal_…`, and is dropped at the end. PostgreSQL makes it by
    /// itself where nobody else is connected; else, and on MySQL and MariaDB, a dump brings the tables that
    /// are needed; a SQLite file is copied by VACUUM INTO.
    Rehearse {
        /// Only these policies [default: each whose tables are there]
        policies: Vec<String>,
        /// Leave the copy there
        #[arg(long)]
        keep_copy: bool,
        /// The folder for the copy of a SQLite file [default: the file's own]
        #[arg(long, value_name = "FOLDER")]
        copy_to: Option<PathBuf>,
    },
    /// Show the last run of each policy in the database
    Status,
    /// Show the runs in the database, newest first
    History {
        /// Of this policy alone
        policy: Option<String>,
        /// How many runs
        #[arg(long, default_value_t = 20)]
        limit: u16,
    },
    /// Bring back the rows that a run has deleted, from the tables `tokenkeeper_backup_…`
    ///
    /// Only rows whose values were all kept (--secrets keep) can be brought back. What is there now is
    /// never changed: a row whose key is there again stays in the backup. The next clean-up deletes
    /// again what is still dead.
    Restore {
        /// The run's id, as `cleanup history` tells it
        run: String,
        /// Count the rows, and change nothing
        #[arg(long, conflicts_with = "from")]
        dry_run: bool,
        /// The file that the run kept its rows in (--backup file=PATH)
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Delete old backups: the rows of runs that ended long ago, from the tables `tokenkeeper_backup_…`
    ///
    /// Without --apply they are only counted. What a run has kept goes whole or stays; runs that are not
    /// over, or have failed, keep it. The runs stay in `cleanup history`, and the tables stay too.
    PruneBackups(prune::PruneArguments),
    /// Print a script that cleans a database which this program does not reach
    ///
    /// A DBA reads it and runs it. It looks only, until `apply` is set to 1 at its top. Such scripts are
    /// generated from the policy, and were never run where this program is made.
    Script {
        /// The policy
        policy: String,
        /// The database's SQL
        #[arg(long, value_enum)]
        dialect: script::ScriptDialect,
    },
}

#[derive(Debug, Subcommand)]
enum ShowVerb {
    /// Print a policy as it is understood
    Show {
        /// Its name
        name: String,
    },
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
        Some(PoliciesVerb::Policies { verb: None }) => list(&policies, json),
        Some(PoliciesVerb::Policies { verb: Some(ShowVerb::Show { name }) }) => {
            show(named(&policies, &name)?, json)
        }
        Some(PoliciesVerb::Rehearse { policies: names, keep_copy, copy_to }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let wish = rehearse::CopyWish { is_kept: keep_copy, folder: copy_to };
            let done = rehearse::rehearse(&policies, &names, url.clone(), wish, json).await;
            done.map_err(|failure| failure.naming(&url))
        }
        Some(PoliciesVerb::Script { policy, dialect }) => {
            script::script(named(&policies, &policy)?, dialect, json)
        }
        Some(PoliciesVerb::Status) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let told = history::status(url.clone(), json).await;
            told.map_err(|failure| failure.naming(&url))
        }
        Some(PoliciesVerb::History { policy, limit }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let told = history::history(url.clone(), policy.as_deref(), limit, json).await;
            told.map_err(|failure| failure.naming(&url))
        }
        Some(PoliciesVerb::Restore { run, dry_run, from }) => {
            let url = database_url(environment, arguments.database.as_deref())?;
            let done = restore::restore(url.clone(), &run, from.as_deref(), dry_run, json).await;
            done.map_err(|failure| failure.naming(&url))
        }
        Some(PoliciesVerb::PruneBackups(aged)) => {
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

fn list(policies: &BTreeMap<String, Policy>, json: bool) -> Result<Exit, Failure> {
    for policy in policies.values() {
        if json {
            output::json(policy)?;
            continue;
        }
        let dialects: Vec<_> = policy.dialects.keys().map(ToString::to_string).collect();
        let line = format!("{:<28} {} ({})", policy.name, policy.product, dialects.join(", "));
        output::line(&line)?;
    }
    Ok(Exit::Ok)
}

fn show(policy: &Policy, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(policy)?;
    } else {
        let text = toml::to_string_pretty(policy);
        let text = text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        output::line(text.trim_end())?;
    }
    Ok(Exit::Ok)
}

fn named<'a>(policies: &'a BTreeMap<String, Policy>, name: &str) -> Result<&'a Policy, Failure> {
    policies.get(name).ok_or_else(|| {
        let shown: String = name.escape_debug().take(64).collect();
        let message =
            format!("there is no policy \"{shown}\": see `tokenkeeper-worker cleanup policies`");
        Failure::new(Exit::NoSuchName, message)
    })
}
