//! PostgreSQL: its catalog is asked for each right that a run takes, and what is missing is told as the GRANT
//! that mends it.

use tokenkeeper_shared::store::StoreError;

use super::{
    super::{Problem, Survey},
    Use,
};
use crate::cleanup::{
    policy::Identifier,
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

    /// What is missing of a use. A table of ours that is not there takes the right to make it; who makes it owns it.
    pub(super) async fn postgres_missing(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        way: Use,
    ) -> Result<Option<Problem>, StoreError> {
        let rights = match way {
            Use::Picks => &[SELECT, UPDATE, DELETE][..],
            Use::Follows => &[SELECT, DELETE],
            Use::Looks => &[SELECT],
            Use::Runs => &[SELECT, INSERT, UPDATE, DELETE],
            Use::Keeps => &[SELECT, INSERT],
            // Keys are bound here.
            Use::Notes => return Ok(None),
        };
        if matches!(way, Use::Runs | Use::Keeps)
            && let Some(may) = self.may_make(schema, table).await?
        {
            return if may { Ok(None) } else { self.no_making(schema).await.map(Some) };
        }
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

    /// Whether a table that is not there may be made; none when it is there.
    async fn may_make(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
    ) -> Result<Option<bool>, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT CASE WHEN to_regclass(").bind(self.quoted(schema, table));
        sql.push(") IS NULL THEN CAST(has_schema_privilege(");
        match schema {
            Some(schema) => sql.bind(Bind::Text(self.spelled(schema))),
            None => sql.push("current_schema()"),
        };
        sql.push(", 'CREATE') AS text) END");
        Ok(self.database.cell(&sql).await?.map(|may| may == "true"))
    }

    async fn no_making(&self, schema: Option<&Identifier>) -> Result<Problem, StoreError> {
        let home = self.home().await?;
        let problem = self.grant("CREATE ON SCHEMA", |sql| match schema {
            Some(schema) => sql.name(schema),
            None => sql.found(&home),
        });
        problem.await
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
