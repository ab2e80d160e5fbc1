//! MySQL and MariaDB: each statement of a run is prepared, and what is denied is told as the GRANT that is
//! missing.

use tokenkeeper_shared::store::StoreError;

use super::super::{Problem, Survey};
use crate::cleanup::{
    columns,
    dialect::Dialect,
    policy::{Case, Identifier, Target},
    site::backup_of,
    sql::Sql,
    survey::catalog::TableName,
};

/// A right, and a statement that takes it: around the table's name.
type Probe = (&'static str, &'static str, &'static str);

impl Survey<'_> {
    pub(super) async fn mysql_may_not(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        let schema = target.schema.as_ref();
        let mut problems = Vec::new();
        for table in self.tables(target, true).await? {
            problems.extend(self.denied(schema, table, &OF_TARGET).await?);
        }
        for (table, _) in columns::of_related(target) {
            problems.extend(self.denied(schema, &table, &OF_RELATED).await?);
        }
        Ok(problems)
    }

    pub(super) async fn mysql_may_read(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
    ) -> Result<bool, StoreError> {
        Ok(self.denied(schema, table, &OF_RELATED).await?.is_none())
    }

    pub(super) async fn mysql_lacks(&self, is_kept: bool) -> Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        let own = |name: &str| name.parse::<Identifier>().ok();
        if let Some(runs) = own("tokenkeeper_cleanup_runs") {
            problems.extend(self.mysql_makes(None, &runs, &OF_RUNS).await?);
        }
        if let Some(picked) = own("tokenkeeper_picked") {
            problems.extend(self.denied(None, &picked, &OF_PICKED).await?);
        }
        for target in &self.policy.targets {
            let schema = target.schema.as_ref();
            if self.database.columns(&self.table(target, &target.table)).await?.is_empty() {
                continue;
            }
            let kept = self.tables(target, false).await?.into_iter().filter(|_| is_kept);
            for backup in kept.filter_map(backup_of) {
                // Two targets may have one child.
                let denied = self.mysql_makes(schema, &backup, &OF_BACKUP).await?;
                problems.extend(denied.filter(|problem| !problems.contains(problem)));
            }
        }
        Ok(problems)
    }

    /// What is denied of a table of ours. One that is there need not be made; one that this user may not see
    /// counts as missing, for a right on it would show it.
    async fn mysql_makes(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        probes: &[Probe],
    ) -> Result<Option<Problem>, StoreError> {
        let named = TableName::new(schema, table, Dialect::MySql, self.policy.case);
        let is_there = !self.database.columns(&named).await?.is_empty();
        let create = if is_there { &[][..] } else { &[CREATE] };
        self.denied(schema, table, &[create, probes].concat()).await
    }

    async fn denied(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        probes: &[Probe],
    ) -> Result<Option<Problem>, StoreError> {
        let mut rights = Vec::new();
        for (right, before, after) in probes {
            let mut sql = self.sql();
            sql.push(before).table(schema, table).push(after);
            if self.database.prepare(&sql).await.is_err_and(|error| is_denied(&error)) {
                rights.push(*right);
            }
        }
        if rights.is_empty() {
            return Ok(None);
        }
        let rights = rights.join(", ");
        let (home, user) = self.home_and_user().await?;
        let schema = schema.map_or(home, ToString::to_string);
        // A right on temporary tables is one on all of a database.
        let table = if probes == OF_PICKED { "*".to_owned() } else { format!("`{table}`") };
        Ok(Some(Problem(format!(
            "this user lacks rights: GRANT {rights} ON `{schema}`.{table} TO {user}"
        ))))
    }

    async fn home_and_user(&self) -> Result<(String, String), StoreError> {
        let mut sql = Sql::new(Dialect::MySql, Case::Exact);
        sql.push("SELECT CAST(DATABASE() AS CHAR), CAST(CURRENT_USER() AS CHAR)");
        let row = self.database.rows(&sql).await?.into_iter().next().unwrap_or_default();
        let [home, user] = <[_; 2]>::try_from(row).unwrap_or_default();
        let user = user.unwrap_or_default();
        let (name, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        Ok((home.unwrap_or_default(), format!("{}@{}", quoted(name), quoted(host))))
    }
}

/// Denied to this user, and nothing else: a table that is not there yet is no lack of rights.
fn is_denied(error: &StoreError) -> bool {
    let (StoreError::Refused(error) | StoreError::Temporary(error)) = error else { return false };
    let refusal = error.as_database_error();
    let refusal = refusal.and_then(|of| of.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>());
    refusal.is_some_and(|of| DENIED.contains(&of.number()))
}

/// To a database, to a table, to a column.
const DENIED: [u16; 3] = [1044, 1142, 1143];
const OF_TARGET: [Probe; 2] = [SELECT, ("DELETE", "DELETE FROM ", " WHERE 1 = 0")];
const OF_RELATED: [Probe; 1] = [SELECT];
const SELECT: Probe = ("SELECT", "SELECT * FROM ", "");
const CREATE: Probe = ("CREATE", "CREATE TABLE ", " (tokenkeeper_run INT)");
const OF_RUNS: [Probe; 4] = [
    ("SELECT", "SELECT policy FROM ", ""),
    ("INSERT", "INSERT INTO ", " (policy) VALUES (0)"),
    ("UPDATE", "UPDATE ", " SET policy = 0"),
    ("DELETE", "DELETE FROM ", ""),
];
const OF_BACKUP: [Probe; 2] = [
    ("SELECT", "SELECT tokenkeeper_run FROM ", ""),
    ("INSERT", "INSERT INTO ", " (tokenkeeper_run) VALUES (0)"),
];
const OF_PICKED: [Probe; 1] =
    [("CREATE TEMPORARY TABLES", "CREATE TEMPORARY TABLE ", " (tokenkeeper_key INT)")];
