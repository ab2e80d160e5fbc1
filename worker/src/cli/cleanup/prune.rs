//! `cleanup prune-backups`: gives up what old runs have kept.

use std::time::Duration;

use clap::Args;
use tokenkeeper_shared::{
    clock::{SystemClock, before},
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
};

use super::output;
use crate::{
    cleanup::{
        database::{Access, Database},
        retention::{Report, Retention},
    },
    cli::signals,
};

/// Which backups are given up.
#[derive(Debug, Args)]
pub(super) struct PruneArguments {
    /// Those of runs that ended longer ago than this, such as 90d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Of this policy alone
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Delete, instead of showing what would be deleted
    #[arg(long)]
    apply: bool,
}

/// 0 when all is gone that was to go, 3 when somebody stopped it, or restores a run.
pub(super) async fn prune(
    url: DatabaseUrl,
    arguments: &PruneArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let access = if arguments.apply { Access::Change } else { Access::Look };
    let database = Database::open(url, access)?;
    let stop = signals::stop()?;
    let mut session = database.session().await?;
    let now = database.clock().await?.utc();
    let retention = Retention {
        database: &database,
        before: before(now, arguments.older_than),
        now,
        policy: arguments.policy.as_deref(),
        is_dry: !arguments.apply,
        stop: &stop,
        clock: &SystemClock::new(),
    };
    let report = retention.run(&mut session).await?;
    session.close().await;
    database.close().await;
    tell(&report, json)
}

fn tell(report: &Report, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(report)?;
    } else {
        for line in report.lines() {
            output::line(&line)?;
        }
        if report.is_dry {
            output::note("nothing was changed: add --apply");
        }
    }
    Ok(if report.is_complete() { Exit::Ok } else { Exit::Partly })
}
