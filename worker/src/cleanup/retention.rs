//! Gives backups up that have grown old: what runs have kept that ended before a cut-off leaves the backup tables
//! in short transactions. The tables stay, and so do the runs in the ledger, which says when that was.

mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{clock::Clock, store::StoreError};
use tokio::time::sleep;

pub use self::report::{AgedRun, Report};
use super::{
    batch,
    database::{Database, Session},
    dialect::Dialect,
    ledger::{self, Told},
    pace::Pace,
    policy::{Case, Identifier},
    site::backup_of,
    sql::{Bind, Sql},
    survey::catalog::TableName,
};
use crate::{backoff::Delays, failpoint, stop::Stop};

/// What gives backups up.
#[derive(Debug)]
pub struct Retention<'a> {
    /// Where.
    pub database: &'a Database,
    /// Backups of runs that ended before go.
    pub before: DateTime<Utc>,
    /// The database's time, for the ledger.
    pub now: DateTime<Utc>,
    /// Of this policy alone.
    pub policy: Option<&'a str>,
    /// Whether rows are counted only.
    pub is_dry: bool,
    /// Who may ask to stop.
    pub stop: &'a Stop,
    /// This machine's time, by which batches are measured.
    pub clock: &'a dyn Clock,
}

/// A backup table: its schema, and the name.
type Backup = (Option<Identifier>, Identifier);

impl Retention<'_> {
    /// Gives up what is old enough, or counts it.
    ///
    /// # Errors
    /// [`StoreError`]: what is gone until then stays gone, and the rest goes the next time.
    pub async fn run(&self, session: &mut Session) -> Result<Report, StoreError> {
        let runs = self.runs(session).await?;
        let held = self.held(&runs, session).await?;
        let mut report = Report::new(self, &runs, &held);
        if self.is_dry {
            return Ok(report);
        }
        for aged in report.runs.iter_mut().filter(|aged| !aged.is_kept) {
            if self.stop.is_asked() {
                break;
            }
            if let Some(told) = runs.get(&aged.run) {
                self.give_up(told, &held, aged, session).await?;
            }
        }
        Ok(report)
    }

    /// The runs that are over for so long, by id.
    async fn runs(&self, session: &mut Session) -> Result<BTreeMap<String, Told>, StoreError> {
        let (mut runs, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = ledger::ended_before(session, self.before, self.policy, &after).await?;
            runs.extend(page.0.into_iter().map(|told| (told.run.clone(), told)));
            match page.1 {
                Some(last) => after = last,
                None => return Ok(runs),
            }
        }
    }

    /// How many rows each backup table holds of each of the runs.
    async fn held(
        &self,
        runs: &BTreeMap<String, Told>,
        session: &mut Session,
    ) -> Result<BTreeMap<Backup, BTreeMap<String, u64>>, StoreError> {
        let mut held = BTreeMap::new();
        for backup in runs.values().flat_map(backups).collect::<BTreeSet<_>>() {
            let (schema, table) = &backup;
            let named =
                TableName::new(schema.as_ref(), table, self.database.dialect(), Case::Exact);
            if self.database.columns(&named).await?.is_empty() {
                continue;
            }
            let mut sql = Sql::new(self.database.dialect(), Case::Exact);
            sql.push("SELECT tokenkeeper_run, ").text_of("COUNT(*)").push(" FROM ");
            sql.table(schema.as_ref(), table).push(" GROUP BY tokenkeeper_run");
            let mut of = BTreeMap::new();
            for row in session.rows(&sql).await? {
                let [run, rows] = <[_; 2]>::try_from(row).unwrap_or_default();
                let rows = rows.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
                of.extend(run.filter(|run| runs.contains_key(run)).map(|run| (run, rows)));
            }
            held.insert(backup, of);
        }
        Ok(held)
    }

    async fn give_up(
        &self,
        told: &Told,
        held: &BTreeMap<Backup, BTreeMap<String, u64>>,
        aged: &mut AgedRun,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        for (backup, _) in held.iter().filter(|(_, of)| of.contains_key(&told.run)) {
            let mut pace = Pace::new(500, 50, 20_000);
            let (mut tries, mut delays) = (0, delays());
            while !self.stop.is_asked() {
                let began = self.clock.monotonic();
                match self.batch(backup, told, pace.size(), session).await {
                    Ok(Some(0)) => break,
                    Ok(Some(rows)) => {
                        aged.given_up += rows;
                        pace.took(self.clock.monotonic().saturating_sub(began));
                        (tries, delays) = (0, self::delays());
                    }
                    // Somebody restores it.
                    Ok(None) => return Ok(()),
                    Err(error) if batch::is_in_the_way(&error) && tries < TRIES => {
                        tries += 1;
                        pace.failed();
                        sleep(delays.next().unwrap_or_default()).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Some rows of a run; `None` where the run is in another state by now.
    async fn batch(
        &self,
        backup: &Backup,
        told: &Told,
        most: u64,
        session: &mut Session,
    ) -> Result<Option<u64>, StoreError> {
        session.begin().await?;
        let done = self.inside(backup, told, most, session).await;
        if !matches!(done, Ok(Some(_))) {
            session.roll_back().await?;
        }
        done
    }

    async fn inside(
        &self,
        backup: &Backup,
        told: &Told,
        most: u64,
        session: &mut Session,
    ) -> Result<Option<u64>, StoreError> {
        // The ledger's row is held until the rows are gone: no restore begins meanwhile.
        if !ledger::give_up(session, told, &crate::report::text(self.now)).await? {
            return Ok(None);
        }
        let rows = session.run(&delete(backup, &told.run, most, session.dialect())).await?;
        session.commit().await?;
        failpoint::reach("retention_after_commit");
        Ok(Some(rows))
    }
}

fn delete((schema, table): &Backup, run: &str, most: u64, dialect: Dialect) -> Sql {
    let mut sql = Sql::new(dialect, Case::Exact);
    sql.push("DELETE FROM ").table(schema.as_ref(), table);
    let place = match dialect {
        Dialect::MySql => None,
        Dialect::Postgres => Some((" WHERE ctid = ANY(ARRAY(SELECT ctid FROM ", "))")),
        _ => Some((" WHERE rowid IN (SELECT rowid FROM ", ")")),
    };
    if let Some((before, _)) = place {
        sql.push(before).table(schema.as_ref(), table);
    }
    sql.push(" WHERE tokenkeeper_run = ").bind(Bind::Text(run.to_owned()));
    sql.push(" LIMIT ").number(i64::try_from(most).unwrap_or(i64::MAX));
    sql.push(place.map_or("", |(_, after)| after));
    sql
}

fn backups(told: &Told) -> impl Iterator<Item = Backup> {
    let kept = told.progress.targets.iter().flat_map(|tally| &tally.backups);
    kept.filter_map(|of| Some((of.schema.clone(), backup_of(&of.table)?)))
}

fn delays() -> Delays {
    Delays::doubling(Duration::from_millis(20), Duration::from_millis(500))
}

/// Somebody who holds a row for so often is told of.
const TRIES: u32 = 5;
