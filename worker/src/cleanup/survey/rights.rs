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
};

impl Survey<'_> {
    /// What speaks against a run of the policy before anything of it is looked at: its own tables cannot be
    /// made or written. `is_kept` says that deleted rows are to be kept in tables.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lacks(&self, is_kept: bool) -> Result<Vec<Problem>, StoreError> {
        match self.database.dialect() {
            Dialect::Sqlite => file::lacks(self.database).await,
            Dialect::MySql => self.mysql_lacks(is_kept).await,
            Dialect::Postgres => self.postgres_lacks(is_kept).await,
            _ => Ok(Vec::new()),
        }
    }

    /// What may not be done to a target's tables.
    pub(super) async fn may_not(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        match self.database.dialect() {
            Dialect::Postgres => self.postgres_may_not(target).await,
            Dialect::MySql => self.mysql_may_not(target).await,
            _ => Ok(Vec::new()),
        }
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
            let may = match self.database.dialect() {
                Dialect::Postgres => self.postgres_may_read(schema, table).await?,
                Dialect::MySql => self.mysql_may_read(schema, table).await?,
                _ => true,
            };
            if !may {
                return Ok(false);
            }
        }
        Ok(true)
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
