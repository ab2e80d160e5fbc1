//! The runs of a database, in the database: each slot of a policy has one, one runner at a time is at it, and a
//! killed one is taken up. `batch` checks the fence in each of its transactions.

mod given_up;
mod rate;
mod returned;
mod table;
mod told;

use tokenkeeper_shared::store::StoreError;

use self::told::{Details, told};
pub use self::{
    given_up::{ended_before, give_up},
    rate::{Rate, rate},
    returned::{add, begin, finish, loaded},
    table::{MYSQL as MYSQL_TABLE, OTHER as TABLE},
    told::{Told, find, history},
};
use super::{
    cutoff::DatabaseClock,
    database::{Session, millis},
    policy::Case,
    progress::Progress,
    sql::{Bind, Sql},
};

/// Who wants to clean what.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The policy's name.
    pub policy: String,
    /// SHA-256 of the policy and of what backups keep: a run that is taken up must go on by the same.
    pub digest: String,
    /// The slot.
    pub slot: String,
    /// Host and process.
    pub runner: String,
    /// What the database's clock says.
    pub clock: DatabaseClock,
}

/// What a claim came to.
#[derive(Debug)]
pub enum Claimed {
    /// The run is ours.
    Ours(Run),
    /// Somebody else is at it, or was.
    Theirs(Told),
}

/// A run that is ours until the fence says otherwise.
#[derive(Debug)]
pub struct Run {
    /// Its id: a UUID.
    pub id: String,
    /// Its slot.
    pub slot: String,
    /// Its number among those who took it up.
    pub fence: i64,
    /// The clock that all of its cut-offs are taken from.
    pub clock: DatabaseClock,
    /// How far it has come.
    pub progress: Progress,
}

impl Claim {
    /// Makes the table where it is missing, and claims the slot; or a run of this policy whose runner died.
    ///
    /// # Errors
    /// [`StoreError`]; `Unfit` where a died run cannot be taken up because the policy has changed.
    pub async fn make(&self, session: &mut Session) -> Result<Claimed, StoreError> {
        table::make(session).await?;
        let runs = told(session, Some(&self.policy), LATEST).await?;
        if let Some((other, details)) = runs.iter().find(|(told, _)| told.status == RUNNING) {
            if !other.is_lapsed {
                return Ok(Claimed::Theirs(other.clone()));
            }
            return self.take_up(other, details, session).await;
        }
        if let Some((other, _)) = runs.into_iter().find(|(told, _)| told.slot == self.slot) {
            return Ok(Claimed::Theirs(other));
        }
        let id = uuid::Uuid::now_v7().to_string();
        match self.begin(&id, session).await {
            Ok(()) => Ok(Claimed::Ours(Run {
                id,
                slot: self.slot.clone(),
                fence: 1,
                clock: self.clock,
                progress: Progress::default(),
            })),
            Err(error) if is_taken(&error) => self.second(session).await,
            Err(error) => Err(error),
        }
    }

    async fn begin(&self, id: &str, session: &mut Session) -> Result<(), StoreError> {
        let mut sql = sql(session);
        sql.push("INSERT INTO tokenkeeper_cleanup_runs (run, policy, digest, slot, status, runner, fence, lease_until, \
                  cut_off, server_offset, started_at, progress) VALUES (");
        for text in [id, &self.policy, &self.digest, &self.slot, RUNNING, &self.runner] {
            sql.bind(Bind::Text(text.to_owned())).push(", ");
        }
        sql.push("1, ");
        lease(&mut sql);
        sql.push(", ").bind(Bind::Int(self.clock.utc().timestamp_millis())).push(", ");
        sql.bind(Bind::Int(self.clock.server_offset().num_seconds())).push(", ");
        sql.push(millis(session.dialect())).push(", ");
        sql.bind(Bind::Text(text(&Progress::default())?)).push(")");
        session.run(&sql).await.map(drop)
    }

    /// Somebody was quicker by a moment.
    async fn second(&self, session: &mut Session) -> Result<Claimed, StoreError> {
        let runs = told(session, Some(&self.policy), LATEST).await?;
        let other = runs.into_iter().map(|(told, _)| told).find(|told| told.slot == self.slot);
        other.map(Claimed::Theirs).ok_or_else(|| StoreError::Row("the run is gone".to_owned()))
    }

    async fn take_up(
        &self,
        other: &Told,
        (fence, digest, clock): &Details,
        session: &mut Session,
    ) -> Result<Claimed, StoreError> {
        if *digest != self.digest {
            let message = format!(
                "the run {} of slot {} was cut off, and the policy, --backup or --secrets is another one since: finish \
                 it with the old ones, or set its status to 'failed' in tokenkeeper_cleanup_runs",
                other.run, other.slot
            );
            return Err(StoreError::Unfit(message));
        }
        let mut sql = sql(session);
        sql.push("UPDATE tokenkeeper_cleanup_runs SET fence = fence + 1, runner = ");
        sql.bind(Bind::Text(self.runner.clone())).push(", lease_until = ");
        lease(&mut sql);
        sql.push(" WHERE run = ").bind(Bind::Text(other.run.clone())).push(" AND fence = ");
        sql.bind(Bind::Int(*fence)).push(" AND status = 'running' AND lease_until < ");
        sql.push(millis(session.dialect()));
        let won = session.run(&sql).await? == 1;
        // What the dead runner committed last counts, not what was read before.
        let runs = told(session, Some(&self.policy), LATEST).await?;
        let now = runs.into_iter().map(|(told, _)| told).find(|told| told.run == other.run);
        let now = now.ok_or_else(|| StoreError::Row("the run is gone".to_owned()))?;
        if !won {
            return Ok(Claimed::Theirs(now));
        }
        Ok(Claimed::Ours(Run {
            id: now.run,
            slot: now.slot,
            fence: fence + 1,
            clock: *clock,
            progress: now.progress,
        }))
    }
}

impl Run {
    /// Saves how far the run has come and renews the lease, in whichever transaction the session is.
    /// Whether the run is still ours; if not, the transaction must be undone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(&self, session: &mut Session) -> Result<bool, StoreError> {
        let mut sql = sql(session);
        sql.push("UPDATE tokenkeeper_cleanup_runs SET progress = ");
        sql.bind(Bind::Text(text(&self.progress)?)).push(", lease_until = ");
        lease(&mut sql);
        Ok(session.run(&self.fenced(sql)).await? == 1)
    }

    /// Ends the run. Whether it was still ours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(&self, status: &str, session: &mut Session) -> Result<bool, StoreError> {
        let mut sql = sql(session);
        sql.push("UPDATE tokenkeeper_cleanup_runs SET status = ")
            .bind(Bind::Text(status.to_owned()));
        sql.push(", progress = ").bind(Bind::Text(text(&self.progress)?));
        sql.push(", ended_at = ").push(millis(session.dialect()));
        Ok(session.run(&self.fenced(sql)).await? == 1)
    }

    /// Gives the slot back: nothing was done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw(&self, session: &mut Session) -> Result<(), StoreError> {
        let mut sql = sql(session);
        sql.push("DELETE FROM tokenkeeper_cleanup_runs");
        session.run(&self.fenced(sql)).await.map(drop)
    }

    fn fenced(&self, mut sql: Sql) -> Sql {
        sql.push(" WHERE run = ").bind(Bind::Text(self.id.clone()));
        sql.push(" AND status = 'running' AND fence = ").bind(Bind::Int(self.fence));
        sql
    }
}

fn lease(sql: &mut Sql) {
    let now = millis(sql.dialect());
    sql.push(now).push(" + ").number(LEASE_MILLIS);
}

fn sql(session: &Session) -> Sql {
    Sql::new(session.dialect(), Case::Fold)
}

fn text(progress: &Progress) -> Result<String, StoreError> {
    serde_json::to_string(progress).map_err(|error| StoreError::Row(error.to_string()))
}

fn is_taken(error: &StoreError) -> bool {
    let StoreError::Refused(error) = error else { return false };
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

const RUNNING: &str = "running";
/// Counting a large table takes less, as does a batch with all its tries; after it a killed run is taken up.
const LEASE_MILLIS: i64 = 300_000;
/// A run that is cut off is among the last ones.
const LATEST: u16 = 1_000;
