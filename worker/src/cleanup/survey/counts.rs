//! How many rows would go, why, and what goes with them.

use sha2::{Digest, Sha256};
use tokenkeeper_shared::store::StoreError;

use super::{ChildPlan, ReasonPlan, StateCount, Survey, TargetPlan};
use crate::cleanup::{
    columns::Read,
    dialect::Dialect,
    policy::{Child, Identifier, Target},
    predicate,
    sql::Sql,
};

/// How much of a table would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Those that may go.
    pub doomed: u64,
}

impl Survey<'_> {
    pub(super) async fn share(&self, target: &Target) -> Result<Share, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT ").text_of("COUNT(*)").push(", CAST(COUNT(CASE WHEN ");
        predicate::doomed(target).render(&mut sql, &self.clock);
        let is_mysql = self.database.dialect() == Dialect::MySql;
        sql.push(" THEN 1 END)").push(if is_mysql { " AS CHAR)" } else { " AS text)" });
        sql.push(" FROM ").table(target.schema.as_ref(), &target.table);
        let row = self.database.rows(&sql).await?.into_iter().next().unwrap_or_default();
        let [rows, doomed] = <[_; 2]>::try_from(row).unwrap_or_default();
        let number = |cell: Option<String>| cell.and_then(|text| text.parse().ok());
        Ok(Share {
            table: target.table.to_string(),
            rows: number(rows).unwrap_or_default(),
            doomed: number(doomed).unwrap_or_default(),
        })
    }

    pub(super) async fn count(
        &self,
        target: &Target,
        plan: &mut TargetPlan,
    ) -> Result<(), StoreError> {
        plan.reasons = target
            .reasons
            .iter()
            .map(|reason| ReasonPlan {
                reason: reason.name.clone(),
                cut_off: crate::report::text(self.clock.cut(target.grace(reason)).utc()),
                states: Vec::new(),
            })
            .collect();
        for row in self.database.rows(&self.grouped(target)).await? {
            let [reason, state, rows, oldest, newest] = <[_; 5]>::try_from(row).unwrap_or_default();
            let rows = rows.and_then(|rows| rows.parse().ok()).unwrap_or_default();
            plan.rows += rows;
            let at = reason.and_then(|at| at.parse::<usize>().ok());
            if let Some(reason) = at.and_then(|at| plan.reasons.get_mut(at)) {
                reason.states.push(StateCount { state, rows, oldest, newest });
            }
        }
        if plan.doomed() > 0 {
            plan.sample_keys = self.sample(target).await?;
            for child in &target.children {
                plan.children.extend(self.child(target, child).await?);
            }
        }
        Ok(())
    }

    /// One walk over the table for all counts.
    fn grouped(&self, target: &Target) -> Sql {
        let mut sql = self.sql();
        sql.push("SELECT CASE");
        for (at, reason) in (0..).zip(&target.reasons) {
            sql.push(" WHEN ");
            predicate::because(target, reason).render(&mut sql, &self.clock);
            sql.push(" THEN '").number(at).push("'");
        }
        sql.push(" END AS doomed_by, ");
        match &target.state {
            Some(state) => Read { column: state.clone(), encoding: None }.render(&mut sql),
            None => drop(sql.push("NULL")),
        }
        let (cast, end) = match self.database.dialect() {
            Dialect::MySql => ("CAST(", " AS CHAR)"),
            _ => ("CAST(", " AS text)"),
        };
        sql.push(" AS in_state, ").push(cast).push("COUNT(*)").push(end);
        let times = target.reasons.iter().flat_map(|reason| &reason.past);
        let time =
            times.filter_map(|name| target.expiries.get(name)).map(|expiry| &expiry.at).next();
        for most in [", CAST(MIN(", ", CAST(MAX("] {
            match time {
                Some(column) => sql.push(most).name(column).push(")").push(end),
                None => sql.push(", NULL"),
            };
        }
        sql.push(" FROM ").table(target.schema.as_ref(), &target.table);
        sql.push(" GROUP BY 1, 2 ORDER BY 1, 2");
        sql
    }

    async fn sample(&self, target: &Target) -> Result<Vec<String>, StoreError> {
        let mut sql = self.sql();
        for (at, column) in target.key.iter().enumerate() {
            sql.push(if at == 0 { "SELECT " } else { ", " });
            Read { column: column.clone(), encoding: None }.render(&mut sql);
        }
        sql.push(" FROM ").table(target.schema.as_ref(), &target.table).push(" WHERE ");
        predicate::doomed(target).render(&mut sql, &self.clock);
        sql.push(" LIMIT 5");
        let hashed = |row: Vec<Option<String>>| {
            let key: Vec<_> = row.into_iter().map(Option::unwrap_or_default).collect();
            let digest = Sha256::digest(key.join("\0"));
            let start = digest.iter().take(6).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            format!("{start:012x}")
        };
        Ok(self.database.rows(&sql).await?.into_iter().map(hashed).collect())
    }

    async fn child(&self, target: &Target, child: &Child) -> Result<Option<ChildPlan>, StoreError> {
        if self.database.columns(&self.table(target, &child.table)).await?.is_empty() {
            return Ok(None);
        }
        let mut sql = self.sql();
        let cast =
            if self.database.dialect() == Dialect::MySql { " AS CHAR)" } else { " AS text)" };
        sql.push("SELECT CAST(COUNT(*)").push(cast).push(" FROM ");
        sql.table(target.schema.as_ref(), &child.table).push(" WHERE ");
        self.belongs(target, child, &mut sql);
        let rows = self.database.cell(&sql).await?.and_then(|rows| rows.parse().ok());
        Ok(Some(ChildPlan { table: child.table.to_string(), rows: rows.unwrap_or_default() }))
    }

    /// That a child's row has a parent that may go, however far up.
    fn belongs(&self, target: &Target, child: &Child, sql: &mut Sql) {
        let is_parent = |each: &&Child| Some(&each.table) == child.parent.as_ref();
        let parent = target.children.iter().find(is_parent);
        let table: &Identifier = parent.map_or(&target.table, |parent| &parent.table);
        sql.push("EXISTS (SELECT 1 FROM ").table(target.schema.as_ref(), table).push(" WHERE ");
        for (theirs, ours) in &child.on {
            sql.name(table).push(".").name(ours).push(" = ");
            sql.name(&child.table).push(".").name(theirs).push(" AND ");
        }
        match parent {
            Some(parent) => self.belongs(target, parent, sql),
            None => predicate::doomed(target).render(sql, &self.clock),
        }
        sql.push(")");
    }
}
