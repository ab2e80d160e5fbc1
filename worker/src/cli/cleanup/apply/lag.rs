//! The flags of `cleanup --apply` that have it wait for replicas, and the replicas that they name.

use clap::Args;
use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::Environment,
    store::StoreError,
};

use crate::{
    cleanup::{database::Database, lag::MaxLag, replicas::Replicas},
    cli::{cleanup::address, output},
    config::CleanupJob,
};

/// Whom `--apply` waits for.
#[derive(Debug, Args)]
pub(super) struct LagArguments {
    /// Wait between two batches while a replica lags more than this, such as 10s, for an hour at most. On
    /// PostgreSQL those count that are connected, where none is named; MySQL's and MariaDB's must be named
    #[arg(long, value_name = "TIME", requires = "apply")]
    max_lag: Option<MaxLag>,
    /// A replica to ask, without a password; may be repeated
    /// [default: what `TOKENKEEPER_CLEANUP_REPLICA_URLS` says]
    #[arg(long = "replica", value_name = "URL", requires = "max_lag")]
    replicas: Vec<String>,
}

impl LagArguments {
    /// The replicas, when it is clear that they can be asked.
    pub(super) async fn replicas(
        &self,
        environment: &Environment,
        database: &Database,
    ) -> Result<Option<Replicas>, Failure> {
        let Some(most) = self.max_lag else { return Ok(None) };
        let named = address::replica_urls(environment, &self.replicas)?;
        let (replicas, warning) = follow(database, named, most).await?;
        if let Some(warning) = warning {
            output::note(warning);
        }
        Ok(Some(replicas))
    }
}

/// The replicas that a table of the configuration waits for, when they can be asked, and what is to be said of them.
pub(in crate::cli) async fn of_job(
    environment: &Environment,
    job: &CleanupJob,
    database: &Database,
) -> Result<(Option<Replicas>, Option<&'static str>), Failure> {
    let Some(lag) = &job.lag else { return Ok((None, None)) };
    let urls = address::replicas(environment, &lag.replicas)?;
    let (replicas, warning) = follow(database, urls, lag.most).await?;
    Ok((Some(replicas), warning))
}

/// Replicas that can be asked, and what is to be said of them.
async fn follow(
    database: &Database,
    named: Vec<DatabaseUrl>,
    most: MaxLag,
) -> Result<(Replicas, Option<&'static str>), Failure> {
    let replicas = Replicas::open(database, named, most).map_err(refused)?;
    let warning = replicas.check().await.map_err(refused)?;
    Ok((replicas, warning))
}

/// What is unfit is told with the replica's name, or is none of the database's business.
fn refused(error: StoreError) -> Failure {
    match error {
        StoreError::Unfit(message) => Failure::new(Exit::Usage, message),
        other => other.into(),
    }
}
