//! A clean-up on a copy of the database: what it would do, and how long that takes, while the database itself
//! stays as it is. `copy` makes the copy, `needed` says of what; what is done there is what any run does.

pub mod copy;
mod login;
mod measure;
mod name;
mod needed;
mod pipe;
mod report;

use std::{path::PathBuf, time::Duration};

use tokenkeeper_shared::{
    clock::Clock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    store::StoreError,
};
use tokio::sync::watch;

pub use self::report::{CopyReport, PolicyReport, Report, TableRows, TargetReport};
use self::{
    copy::{Copy, Wanted},
    needed::{Needed, on_copy},
};
use super::{
    cutoff::DatabaseClock,
    database::{Access, Database},
    drive::{Drive, Ended},
    hold::Hold,
    ledger::{Claim, Claimed},
    policy::{Case, Policy},
    restraint::Restraint,
    site::Secrets,
    sql::Sql,
    survey::Survey,
};
use crate::{failpoint, stop::Stop};

/// What is rehearsed.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    /// The database, of which nothing is changed.
    pub source: &'a DatabaseUrl,
    /// By which policies; a look at the database has refused none of them.
    pub policies: &'a [&'a Policy],
    /// Whether the copy stays.
    pub is_kept: bool,
    /// The folder for a copy of a SQLite file [default: the file's own].
    pub folder: Option<PathBuf>,
    /// Who may ask to stop.
    pub stop: &'a Stop,
    /// This machine's time.
    pub host: &'a dyn Clock,
}

/// Why nothing was rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum NotRehearsed {
    /// The text says what to do.
    #[error("{0}")]
    Refused(String),
    /// Somebody asked to stop before the copy was there.
    #[error("stopped before anything was rehearsed; nothing is left of the copy")]
    Stopped,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotRehearsed> for Failure {
    fn from(error: NotRehearsed) -> Self {
        match error {
            NotRehearsed::Refused(message) => Self::new(Exit::Usage, message),
            NotRehearsed::Stopped => Self::new(Exit::Temporary, error.to_string()),
            NotRehearsed::Store(error) => Self::from(error),
        }
    }
}

impl Rehearsal<'_> {
    /// Copies, cleans the copy, and drops it, however that ends.
    ///
    /// # Errors
    /// [`NotRehearsed`].
    pub async fn run(&self) -> Result<Report, NotRehearsed> {
        let database = Database::open(self.source.clone(), Access::Look)?;
        let clock = database.clock().await?;
        let tables: Vec<_> = needed::needed(&database, self.policies).await?.into_iter().collect();
        // No copy is made by a server whose database somebody uses.
        database.close().await;
        let began = self.host.monotonic();
        let copy = Copy::make(&Wanted {
            source: self.source,
            tables: tables.clone(),
            is_kept: self.is_kept,
            folder: self.folder.clone(),
            stop: self.stop,
        })
        .await?;
        let took = self.since(began);
        failpoint::reach("rehearsal_after_copy");
        failpoint::hold("rehearsal_held");
        let cleaned = self.on(&copy, &tables, clock, took).await;
        if self.is_kept {
            return cleaned;
        }
        let dropped = copy.end().await;
        let report = cleaned?;
        dropped.map(|()| report)
    }

    async fn on(
        &self,
        copy: &Copy,
        tables: &[Needed],
        clock: DatabaseClock,
        took_ms: u64,
    ) -> Result<Report, NotRehearsed> {
        let database = copy.open()?;
        let done = self.clean(&database, copy, tables, (clock, took_ms)).await;
        database.close().await;
        done
    }

    async fn clean(
        &self,
        database: &Database,
        copy: &Copy,
        tables: &[Needed],
        (clock, took_ms): (DatabaseClock, u64),
    ) -> Result<Report, NotRehearsed> {
        let rows = measure::rows(database, tables).await?;
        let size_bytes = measure::size(database).await?;
        // Runs of the database are not ours to take up.
        forget_runs(database).await?;
        let mut policies = Vec::new();
        for policy in self.policies {
            let policy = on_copy(policy, database.dialect());
            policies.push(self.policy(&policy, database, clock).await?);
        }
        Ok(Report {
            version: 1,
            database: self.source.to_string(),
            copy: CopyReport {
                name: copy.name.clone(),
                way: copy.way,
                rows: rows.iter().map(|table| table.rows).sum(),
                tables: rows,
                took_ms,
                size_bytes,
                size_after_bytes: measure::size(database).await?,
                is_kept: self.is_kept,
            },
            policies,
            dropped: copy.dropped.clone(),
        })
    }

    /// As any run: the look, the slot, the batches, the look back.
    async fn policy(
        &self,
        policy: &Policy,
        database: &Database,
        clock: DatabaseClock,
    ) -> Result<PolicyReport, NotRehearsed> {
        let began = self.host.monotonic();
        let check = (Survey { policy, database, clock }).check().await?;
        if let Some(problem) = check.problems.first() {
            return Err(NotRehearsed::Refused(format!("on the copy: {}", problem.0)));
        }
        let look_ms = self.since(began);
        let mut session = database.session().await?;
        let claim = Claim {
            policy: policy.name.clone(),
            digest: String::new(),
            slot: "rehearsal".to_owned(),
            runner: "rehearsal".to_owned(),
            clock,
        };
        let Claimed::Ours(mut run) = claim.make(&mut session).await? else {
            return Err(NotRehearsed::Refused("somebody else cleans the copy".to_owned()));
        };
        let restraint = Restraint::default();
        let drive = Drive {
            policy,
            database,
            kept: Some(Secrets::Policy),
            archive: None,
            most_rows: u64::MAX,
            run_time: Duration::MAX,
            hold: &Hold::new(&restraint, self.stop, self.host, clock.utc()),
            far: &watch::Sender::default(),
        };
        let ended = drive.run(&mut run, &mut session).await;
        session.close().await;
        let ended = ended?;
        Ok(PolicyReport {
            policy: policy.name.clone(),
            status: status(ended).to_owned(),
            look_ms,
            took_ms: self.since(began),
            targets: TargetReport::of(check.shares, run.progress.targets),
        })
    }

    fn since(&self, began: Duration) -> u64 {
        let took = self.host.monotonic().saturating_sub(began);
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }
}

fn status(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "done",
        Ended::Partly | Ended::Fenced => "partly",
        Ended::Unverified => "failed",
    }
}

async fn forget_runs(database: &Database) -> Result<(), StoreError> {
    let mut session = database.session().await?;
    let mut sql = Sql::new(database.dialect(), Case::Exact);
    sql.push("DROP TABLE IF EXISTS tokenkeeper_cleanup_runs");
    let done = session.run(&sql).await;
    session.close().await;
    done.map(drop)
}
