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
        database::{Access, Database, Session},
        retention::{Report, Retention},
    },
    cli::signals,
    stop::Stop,
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
    let aged = Aged { older_than: arguments.older_than, policy: arguments.policy.as_deref() };
    let report = aged.give_up(&database, !arguments.apply, &stop, &mut session).await?;
    session.close().await;
    database.close().await;
    tell(&report, json)
}

/// What is too old.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aged<'a> {
    /// Runs that ended longer ago than this.
    pub(super) older_than: Duration,
    /// Of this policy alone.
    pub(super) policy: Option<&'a str>,
}

impl Aged<'_> {
    /// Gives it up, by the database's time.
    pub(super) async fn give_up(
        self,
        database: &Database,
        is_dry: bool,
        stop: &Stop,
        session: &mut Session,
    ) -> Result<Report, Failure> {
        let now = database.clock().await?.utc();
        let retention = Retention {
            database,
            before: before(now, self.older_than),
            now,
            policy: self.policy,
            is_dry,
            stop,
            clock: &SystemClock::new(),
        };
        Ok(retention.run(session).await?)
    }
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
