//! Indexes that would help and are not there: those that the policy advises, and those by which rows of
//! children are found. They are told, never made.

use std::collections::BTreeSet;

use tokenkeeper_shared::store::StoreError;

use super::{Survey, TargetPlan};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Child, Identifier, Index, Target},
};

impl Survey<'_> {
    pub(super) async fn missing_indexes(&self, target: &Target) -> Result<Vec<String>, StoreError> {
        let mut missing = Vec::new();
        for index in &target.indexes {
            let table = index.table.as_ref().unwrap_or(&target.table);
            let wanted: Vec<_> = index.columns.iter().collect();
            if !self.is_served(target, table, &wanted, true).await? {
                missing.push(self.create_index(target, table, index));
            }
        }
        for child in &target.children {
            let on: Vec<_> = child.on.keys().collect();
            if !self.is_served(target, &child.table, &on, false).await? {
                let index = self.advised(target, child).or_else(|| derived(child));
                missing.extend(index.map(|index| self.create_index(target, &child.table, &index)));
            }
        }
        Ok(missing)
    }

    /// Whether an index begins with these columns, in this order or in any; also where there is no such
    /// table.
    async fn is_served(
        &self,
        target: &Target,
        table: &Identifier,
        columns: &[&Identifier],
        is_ordered: bool,
    ) -> Result<bool, StoreError> {
        let table = self.table(target, table);
        if self.database.columns(&table).await?.is_empty() {
            return Ok(true);
        }
        let mut there: Vec<_> =
            self.database.indexes(&table).await?.into_iter().map(|index| index.0).collect();
        // SQLite lists no index for a key that is the row's number.
        there.push(self.database.primary_key(&table).await?);
        let mut wanted = self.names(columns);
        if !is_ordered {
            wanted.sort();
        }
        Ok(there.into_iter().any(|index| {
            let mut first: Vec<_> =
                index.iter().take(wanted.len()).map(|name| name.to_lowercase()).collect();
            if !is_ordered {
                first.sort();
            }
            first == wanted
        }))
    }

    fn names(&self, columns: &[&Identifier]) -> Vec<String> {
        columns.iter().map(|column| self.spelled(column).to_lowercase()).collect()
    }

    /// What the policy advises for the child's columns, under any of its targets: the same name for the
    /// same index.
    fn advised(&self, target: &Target, child: &Child) -> Option<Index> {
        let on: BTreeSet<_> = child.on.keys().collect();
        let mut same_schema = self.policy.targets.iter().filter(|of| of.schema == target.schema);
        let serves = |of: &Target, index: &&Index| {
            let table = index.table.as_ref().unwrap_or(&of.table);
            *table == child.table && on == index.columns.iter().take(on.len()).collect()
        };
        same_schema.find_map(|of| of.indexes.iter().find(|index| serves(of, index))).cloned()
    }

    fn create_index(&self, target: &Target, table: &Identifier, index: &Index) -> String {
        let mut sql = self.sql();
        let is_postgres = self.database.dialect() == Dialect::Postgres;
        sql.push(if is_postgres { "CREATE INDEX CONCURRENTLY " } else { "CREATE INDEX " });
        sql.name(&index.name).push(" ON ").table(target.schema.as_ref(), table);
        sql.push(" (").names(&index.columns).push(")");
        sql.text().to_owned()
    }
}

/// Two targets may have one child.
pub(super) fn once(targets: &mut [TargetPlan]) {
    let mut told = BTreeSet::new();
    for target in targets {
        target.missing_indexes.retain(|sql| told.insert(sql.clone()));
    }
}

/// An index that the policy does not advise, named after its table and columns.
fn derived(child: &Child) -> Option<Index> {
    let columns: Vec<_> = child.on.keys().cloned().collect();
    let names: Vec<_> = columns.iter().map(Identifier::as_str).collect();
    let name: String =
        format!("IDX_{}_{}", names.join("_"), child.table).chars().take(63).collect();
    Some(Index { name: name.parse().ok()?, table: Some(child.table.clone()), columns })
}
