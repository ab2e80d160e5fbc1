//! A copy in a database of its own beside the one that it is made of: what PostgreSQL and MySQL have in common.

use tokenkeeper_shared::store::StoreError;

use super::{super::name::CopyName, patiently};
use crate::cleanup::{
    database::{Database, Session},
    dialect::Dialect,
    policy::{Case, Identifier},
    sql::Sql,
};

/// A copy's database, and the session whose lock says that somebody is at it.
#[derive(Debug)]
pub(super) struct ServerCopy {
    /// Where databases are made.
    pub(super) home: Database,
    pub(super) name: Identifier,
    pub(super) holder: Session,
    is_begun: bool,
}

impl ServerCopy {
    pub(super) fn new(
        home: Database,
        holder: Session,
        name: &CopyName,
    ) -> Result<Self, StoreError> {
        Ok(Self { home, name: name.identifier()?, holder, is_begun: false })
    }

    /// Databases that are called like copies of ours, but for those that stay.
    pub(super) async fn passing(
        &mut self,
        question: &'static str,
    ) -> Result<Vec<CopyName>, StoreError> {
        let rows = self.holder.rows(&self.said(question)).await?;
        let names = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        Ok(names.filter_map(|name| CopyName::of_passing(&name)).collect())
    }

    /// Drops what a dead rehearsal has left; not where somebody looks at it, or owns it.
    pub(super) async fn is_dropped(&mut self, left: &CopyName) -> Result<bool, StoreError> {
        let drop = self.drop_database(&left.identifier()?);
        Ok(self.holder.run(&drop).await.is_ok())
    }

    /// Makes the database. A statement that is interrupted may have made it.
    pub(super) async fn create(&mut self, sql: &Sql) -> Result<(), StoreError> {
        self.is_begun = true;
        let made = self.holder.run(sql).await;
        self.is_begun = made.is_ok();
        made.map(drop)
    }

    /// Drops it.
    pub(super) async fn end(self) -> Result<(), StoreError> {
        let ended = patiently(async || {
            if !self.is_begun {
                return Ok(());
            }
            let mut session = self.home.session().await?;
            let ended = session.run(&self.drop_database(&self.name)).await;
            session.close().await;
            ended.map(drop)
        })
        .await;
        self.holder.close().await;
        self.home.close().await;
        ended
    }

    /// A statement.
    pub(super) fn said(&self, statement: &'static str) -> Sql {
        said(self.home.dialect(), statement)
    }

    fn drop_database(&self, name: &Identifier) -> Sql {
        let mut sql = self.said("DROP DATABASE IF EXISTS ");
        sql.spelled(name);
        sql
    }
}

/// A statement.
pub(super) fn said(dialect: Dialect, statement: &'static str) -> Sql {
    let mut sql = Sql::new(dialect, Case::Exact);
    sql.push(statement);
    sql
}
