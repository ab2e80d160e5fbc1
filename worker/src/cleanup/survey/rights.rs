//! Whether this user may do what a run does, asked before anything is deleted. MySQL is asked to prepare each
//! statement, for which it looks at rights however they were given (roles, patterns, PUBLIC), and which changes nothing;
//! PostgreSQL has functions for that. What they do not say is not held against the user.

mod file;
mod mysql;
mod postgres;

use tokenkeeper_shared::store::StoreError;

use super::{Problem, Survey};
use crate::cleanup::{
    columns,
    dialect::Dialect,
    policy::{Identifier, Target},
    site::backup_of,
};

/// What a run does to a table, each with rights of its own.
#[derive(Clone, Copy)]
enum Use {
    /// Picks rows of it, which stay locked until they are deleted.
    Picks,
    /// Deletes rows of it by their parents.
    Follows,
    /// Looks there before it judges.
    Looks,
    /// Keeps account of runs in it: ours, made when it is not there.
    Runs,
    /// Keeps deleted rows in it: ours, too.
    Keeps,
    /// Notes a batch's keys in it: one of the connection's own.
    Notes,
}

impl Survey<'_> {
    /// What speaks against a run of the policy before anything of it is looked at: its own tables cannot be
    /// made or written. `is_kept` says that deleted rows are to be kept in tables.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lacks(&self, is_kept: bool) -> Result<Vec<Problem>, StoreError> {
        if self.database.dialect() == Dialect::Sqlite {
            return file::lacks(self.database).await;
        }
        let mut problems = self.shut().await?;
        if !problems.is_empty() {
            return Ok(problems);
        }
        for (name, way) in OWN {
            if let Ok(table) = name.parse() {
                problems.extend(self.missing(None, &table, way).await?);
            }
        }
        for target in self.policy.targets.iter().filter(|_| is_kept) {
            if self.database.columns(&self.table(target, &target.table)).await?.is_empty() {
                continue;
            }
            for backup in self.tables(target, false).await?.into_iter().filter_map(backup_of) {
                let schema = target.schema.as_ref();
                let missing = self.missing(schema, &backup, Use::Keeps).await?;
                // Two targets may have one child, and all may have one schema.
                problems.extend(missing.filter(|problem| !problems.contains(problem)));
            }
        }
        Ok(problems)
    }

    /// What may not be done to a target's tables.
    pub(super) async fn may_not(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        let schema = target.schema.as_ref();
        let mut problems = Vec::new();
        let stays = |table: &Identifier| {
            target.children.iter().any(|child| child.table == *table && child.orphaned)
        };
        for table in self.tables(target, self.database.dialect() == Dialect::MySql).await? {
            let is_picked = *table == target.table || stays(table);
            let way = if is_picked { Use::Picks } else { Use::Follows };
            problems.extend(self.missing(schema, table, way).await?);
        }
        for (table, _) in columns::of_related(target) {
            problems.extend(self.missing(schema, &table, Use::Looks).await?);
        }
        problems.dedup();
        Ok(problems)
    }

    /// Schemas into which a look cannot go.
    pub(super) async fn shut(&self) -> Result<Vec<Problem>, StoreError> {
        match self.database.dialect() {
            Dialect::Postgres => self.postgres_shut().await,
            _ => Ok(Vec::new()),
        }
    }

    /// Whether this user may read what a look reads.
    pub(super) async fn may_read(&self, target: &Target) -> Result<bool, StoreError> {
        let schema = target.schema.as_ref();
        let related = columns::of_related(target);
        let own = self.tables(target, false).await?;
        for table in own.into_iter().chain(related.iter().map(|(table, _)| table)) {
            if self.missing(schema, table, Use::Looks).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is missing of the rights that a use takes.
    async fn missing(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        way: Use,
    ) -> Result<Option<Problem>, StoreError> {
        match self.database.dialect() {
            Dialect::Postgres => self.postgres_missing(schema, table, way).await,
            Dialect::MySql => self.mysql_missing(schema, table, way).await,
            _ => Ok(None),
        }
    }

    /// The target's table and its children that are there. MySQL hides tables on which a user has no right: a
    /// child that every version of the product has is there all the same.
    async fn tables<'a>(
        &self,
        target: &'a Target,
        is_hidden_there: bool,
    ) -> Result<Vec<&'a Identifier>, StoreError> {
        let mut there = vec![&target.table];
        for child in &target.children {
            let is_seen =
                !self.database.columns(&self.table(target, &child.table)).await?.is_empty();
            if is_seen || is_hidden_there && !child.optional {
                there.push(&child.table);
            }
        }
        Ok(there)
    }
}

const OWN: [(&str, Use); 2] =
    [("tokenkeeper_cleanup_runs", Use::Runs), ("tokenkeeper_picked", Use::Notes)];
