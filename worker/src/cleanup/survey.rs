//! A look at a live database through one policy: what is there, what would go, and what speaks against
//! it. Nothing is changed.

pub mod catalog;
mod cleaners;
mod counts;
mod estimate;
mod fingerprint;
mod indexes;
mod plan;
mod rights;
mod text;

use tokenkeeper_shared::store::StoreError;

use self::catalog::TableName;
pub use self::{
    counts::Share,
    estimate::Estimate,
    plan::{ChildPlan, Plan, Problem, ReasonPlan, StateCount, TargetPlan},
};
use super::{
    cutoff::DatabaseClock,
    database::Database,
    ledger,
    policy::{Identifier, Policy, Target},
    predicate,
    sql::{Bind, Sql},
};

/// A policy and the database that it is held against.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// What may go.
    pub policy: &'a Policy,
    /// Where.
    pub database: &'a Database,
    /// What the database's clock said at the beginning.
    pub clock: DatabaseClock,
}

/// Whether a run may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What speaks against it.
    pub problems: Vec<Problem>,
    /// How much of each table would go, where nothing does.
    pub shares: Vec<Share>,
}

impl Survey<'_> {
    /// Whether the database has the policy's tables, but for optional ones.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_present(&self) -> Result<bool, StoreError> {
        for target in self.policy.targets.iter().filter(|target| !target.optional) {
            if self.database.columns(&self.table(target, &target.table)).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks whether anything speaks against deleting, and how much would go: one walk over each table, a
    /// tenth of what a plan takes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn check(&self) -> Result<Check, StoreError> {
        let mut check = Check { problems: self.of_dialect(), shares: Vec::new() };
        for target in &self.policy.targets {
            let columns = self.database.columns(&self.table(target, &target.table)).await?;
            if columns.is_empty() && target.optional {
                continue;
            }
            let mut problems = self.fingerprint(target, &columns).await?;
            if problems.is_empty() {
                problems = self.objections(target).await?;
            }
            if problems.is_empty() {
                check.shares.push(self.share(target).await?);
            }
            check.problems.extend(problems);
        }
        Ok(check)
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn plan(&self) -> Result<Plan, StoreError> {
        let shut = self.shut().await?;
        if !shut.is_empty() {
            return Ok(self.refused(shut));
        }
        let mut targets = Vec::new();
        for target in &self.policy.targets {
            targets.push(self.target(target).await?);
        }
        indexes::once(&mut targets);
        self.estimate(&mut targets).await?;
        let cleaners = self.cleaners().await?;
        let mut problems = self.of_dialect();
        problems.extend(self.lacks(false).await?);
        Ok(Plan::new(self, problems, targets, cleaners))
    }

    /// What a look would tell that went no further than this.
    #[must_use]
    pub fn refused(&self, problems: Vec<Problem>) -> Plan {
        Plan::new(self, problems, Vec::new(), Vec::new())
    }

    async fn estimate(&self, targets: &mut [TargetPlan]) -> Result<(), StoreError> {
        let mut session = self.database.session().await?;
        let rate = ledger::rate(&mut session, &self.policy.name, estimate::SMALLEST).await?;
        session.close().await;
        for target in targets.iter_mut().filter(|target| target.doomed() > 0) {
            let rows = target.doomed();
            target.estimate = Some(match &rate {
                Some(rate) => Estimate::by_run(rows, rate),
                None => Estimate::guessed(rows, self.database.dialect()),
            });
        }
        Ok(())
    }

    fn of_dialect(&self) -> Vec<Problem> {
        let dialect = self.database.dialect();
        let unknown = !self.policy.dialects.contains_key(&dialect);
        unknown.then(|| Problem::of_dialect(dialect)).into_iter().collect()
    }

    async fn target(&self, target: &Target) -> Result<TargetPlan, StoreError> {
        let mut plan = TargetPlan::of(target);
        let columns = self.database.columns(&self.table(target, &target.table)).await?;
        plan.is_present = !columns.is_empty();
        if !plan.is_present && target.optional {
            return Ok(plan);
        }
        plan.problems = self.fingerprint(target, &columns).await?;
        if !plan.problems.is_empty() {
            // Its statements would fail, or say something else than they seem to.
            return Ok(plan);
        }
        plan.problems = self.objections(target).await?;
        if !self.may_read(target).await? {
            return Ok(plan);
        }
        self.count(target, &mut plan).await?;
        plan.missing_indexes = self.missing_indexes(target).await?;
        let sql = self.doomed(target);
        plan.sql = sql.text().to_owned();
        plan.binds = sql.binds().iter().map(Bind::shown).collect();
        plan.explanation = self.database.explain(&sql).await?;
        Ok(plan)
    }

    /// The keys of the rows that may go.
    #[must_use]
    pub fn doomed(&self, target: &Target) -> Sql {
        let mut sql = self.sql();
        sql.push("SELECT ").names(&target.key).push(" FROM ");
        sql.table(target.schema.as_ref(), &target.table).push(" WHERE ");
        predicate::doomed(target).render(&mut sql, &self.clock);
        sql
    }

    fn sql(&self) -> Sql {
        Sql::new(self.database.dialect(), self.policy.case)
    }

    fn spelled(&self, name: &Identifier) -> String {
        name.spelled(self.database.dialect(), self.policy.case)
    }

    fn table(&self, target: &Target, table: &Identifier) -> TableName {
        let dialect = self.database.dialect();
        TableName::new(target.schema.as_ref(), table, dialect, self.policy.case)
    }
}
