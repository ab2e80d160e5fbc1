//! Whether this user may do what a run does, asked before anything is deleted. MySQL is asked to prepare each
//! statement, for which it looks at rights however they were given (roles, patterns, PUBLIC), and which changes nothing;
//! what it does not say then is not held against the user.

mod file;
mod mysql;

use tokenkeeper_shared::store::StoreError;

use super::{Problem, Survey};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Identifier, Target},
    sql::Bind,
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
            _ => Ok(Vec::new()),
        }
    }

    /// What may not be done to a target's tables.
    pub(super) async fn may_not(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        match self.database.dialect() {
            Dialect::Postgres if !self.may_delete(target).await? => {
                let message = format!("this user may not DELETE from {}: grant it", target.table);
                Ok(vec![Problem(message)])
            }
            Dialect::MySql => self.mysql_may_not(target).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn may_delete(&self, target: &Target) -> Result<bool, StoreError> {
        let mut sql = self.sql();
        let mut table = self.sql();
        table.table(target.schema.as_ref(), &target.table);
        sql.push("SELECT CAST(has_table_privilege(to_regclass(");
        sql.bind(Bind::Text(table.text().to_owned()));
        sql.push("), 'DELETE') AS text)");
        Ok(self.database.cell(&sql).await?.as_deref() != Some("false"))
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
