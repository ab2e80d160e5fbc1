//! PostgreSQL: its catalog is asked for each right that a run takes, and what is missing is told as the GRANT
//! that mends it.

use tokenkeeper_shared::store::StoreError;

use super::super::{Problem, Survey};
use crate::cleanup::{
    columns,
    policy::{Identifier, Target},
    site::backup_of,
    sql::{Bind, Sql},
};

/// A right, and the function that knows of it. A right on one column is enough for a lock, and a statement
/// that needs more columns says so by itself.
type Right = (&'static str, &'static str);

impl Survey<'_> {
    /// Schemas that may not be entered: even whether a table is there cannot be asked.
    pub(super) async fn postgres_shut(&self) -> Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        for schema in self.policy.targets.iter().filter_map(|target| target.schema.as_ref()) {
            let mut sql = self.sql();
            sql.push("SELECT CAST(has_schema_privilege(oid, 'USAGE') AS text) FROM pg_namespace WHERE nspname = ");
            sql.bind(Bind::Text(self.spelled(schema)));
            if self.database.cell(&sql).await?.as_deref() == Some("false") {
                problems.push(self.grant("USAGE ON SCHEMA", |sql| sql.name(schema)).await?);
            }
        }
        problems.dedup();
        Ok(problems)
    }

    pub(super) async fn postgres_may_not(
        &self,
        target: &Target,
    ) -> Result<Vec<Problem>, StoreError> {
        let schema = target.schema.as_ref();
        let mut problems = Vec::new();
        let stays = |table: &Identifier| {
            target.children.iter().any(|child| child.table == *table && child.orphaned)
        };
        for table in self.tables(target, false).await? {
            let is_locked = *table == target.table || stays(table);
            let rights = if is_locked { &OF_LOCKED[..] } else { &OF_CHILD };
            problems.extend(self.missing(schema, table, rights).await?);
        }
        for (table, _) in columns::of_related(target) {
            problems.extend(self.missing(schema, &table, &OF_RELATED).await?);
        }
        problems.dedup();
        Ok(problems)
    }

    pub(super) async fn postgres_may_read(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
    ) -> Result<bool, StoreError> {
        Ok(self.missing(schema, table, &OF_RELATED).await?.is_none())
    }

    pub(super) async fn postgres_lacks(&self, is_kept: bool) -> Result<Vec<Problem>, StoreError> {
        let mut problems = self.postgres_shut().await?;
        if !problems.is_empty() {
            return Ok(problems);
        }
        if let Ok(runs) = "tokenkeeper_cleanup_runs".parse::<Identifier>() {
            problems.extend(self.postgres_makes(None, &runs, &OF_RUNS).await?);
        }
        for target in self.policy.targets.iter().filter(|_| is_kept) {
            if self.database.columns(&self.table(target, &target.table)).await?.is_empty() {
                continue;
            }
            for backup in self.tables(target, false).await?.into_iter().filter_map(backup_of) {
                let missing =
                    self.postgres_makes(target.schema.as_ref(), &backup, &OF_BACKUP).await?;
                // Two targets may have one child, and all have one schema.
                problems.extend(missing.filter(|problem| !problems.contains(problem)));
            }
        }
        Ok(problems)
    }

    /// What is missing to write a table of ours, or to make it.
    async fn postgres_makes(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        rights: &[Right],
    ) -> Result<Option<Problem>, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT CASE WHEN to_regclass(").bind(self.quoted(schema, table));
        sql.push(") IS NULL THEN CAST(has_schema_privilege(");
        let name = |sql: &mut Sql| match schema {
            Some(schema) => drop(sql.bind(Bind::Text(self.spelled(schema)))),
            None => drop(sql.push("current_schema()")),
        };
        name(&mut sql);
        sql.push(", 'CREATE') AS text) END");
        match self.database.cell(&sql).await?.as_deref() {
            Some("true") => Ok(None),
            Some(_) => {
                let home = self.home().await?;
                let problem = self.grant("CREATE ON SCHEMA", |sql| match schema {
                    Some(schema) => sql.name(schema),
                    None => sql.found(&home),
                });
                problem.await.map(Some)
            }
            None => self.missing(schema, table, rights).await,
        }
    }

    /// What is missing of the rights on a table that is there.
    async fn missing(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        rights: &[Right],
    ) -> Result<Option<Problem>, StoreError> {
        let mut missing = Vec::new();
        for (right, function) in rights {
            let mut sql = self.sql();
            sql.push("SELECT CAST(").push(function).push("(to_regclass(");
            sql.bind(self.quoted(schema, table));
            sql.push("), ").bind(Bind::Text((*right).to_owned())).push(") AS text)");
            if self.database.cell(&sql).await?.as_deref() == Some("false") {
                missing.push(*right);
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        let rights = format!("{} ON", missing.join(", "));
        self.grant(&rights, |sql| sql.table(schema, table)).await.map(Some)
    }

    async fn grant(
        &self,
        rights: &str,
        on: impl FnOnce(&mut Sql) -> &mut Sql,
    ) -> Result<Problem, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT quote_ident(current_user)");
        let user = self.database.cell(&sql).await?.unwrap_or_default();
        let mut place = self.sql();
        on(&mut place);
        let place = place.text();
        Ok(Problem(format!("this user lacks rights: GRANT {rights} {place} TO {user}")))
    }

    /// The schema in which tables without one are made.
    async fn home(&self) -> Result<String, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT CAST(current_schema() AS text)");
        Ok(self.database.cell(&sql).await?.unwrap_or_default())
    }

    fn quoted(&self, schema: Option<&Identifier>, table: &Identifier) -> Bind {
        let mut sql = self.sql();
        sql.table(schema, table);
        Bind::Text(sql.text().to_owned())
    }
}

const SELECT: Right = ("SELECT", "has_any_column_privilege");
/// A row's lock takes it, though nothing is updated.
const UPDATE: Right = ("UPDATE", "has_any_column_privilege");
const INSERT: Right = ("INSERT", "has_any_column_privilege");
const DELETE: Right = ("DELETE", "has_table_privilege");
const OF_LOCKED: [Right; 3] = [SELECT, UPDATE, DELETE];
const OF_CHILD: [Right; 2] = [SELECT, DELETE];
const OF_RELATED: [Right; 1] = [SELECT];
const OF_RUNS: [Right; 4] = [SELECT, INSERT, UPDATE, DELETE];
const OF_BACKUP: [Right; 2] = [SELECT, INSERT];
