//! MySQL and MariaDB: each statement of a run is prepared, and what is denied is told as the GRANT that is
//! missing.

use tokenkeeper_shared::store::StoreError;

use super::{
    super::{Problem, Survey},
    Use,
};
use crate::cleanup::{
    database::mysql_number, dialect::Dialect, policy::Identifier, survey::catalog::TableName,
};

/// A right, and a statement that takes it: around the table's name.
type Probe = (&'static str, &'static str, &'static str);

impl Survey<'_> {
    /// What is denied of a use. A table of ours that is there need not be made; one that this user may not see
    /// counts as missing, for a right on it would show it.
    pub(super) async fn mysql_missing(
        &self,
        schema: Option<&Identifier>,
        table: &Identifier,
        way: Use,
    ) -> Result<Option<Problem>, StoreError> {
        let mut probes = Vec::new();
        if matches!(way, Use::Runs | Use::Keeps) {
            let named = TableName::new(schema, table, Dialect::MySql, self.policy.case);
            if self.database.columns(&named).await?.is_empty() {
                probes.push(CREATE);
            }
        }
        probes.extend(match way {
            Use::Picks | Use::Follows => &OF_TARGET[..],
            Use::Looks => &[SELECT],
            Use::Runs => &OF_RUNS,
            Use::Keeps => &OF_BACKUP,
            Use::Notes => &[TEMPORARY],
        });
        let mut rights = Vec::new();
        for (right, before, after) in probes {
            let mut sql = self.sql();
            sql.push(before).table(schema, table).push(after);
            if self.database.prepare(&sql).await.is_err_and(|error| is_denied(&error)) {
                rights.push(right);
            }
        }
        if rights.is_empty() {
            return Ok(None);
        }
        let rights = rights.join(", ");
        let account = self.database.mysql_account().await?;
        let schema = match schema {
            Some(schema) => schema.to_string(),
            None => self.mysql_home().await?,
        };
        // A right on temporary tables is one on all of a database.
        let table = if matches!(way, Use::Notes) { "*".to_owned() } else { format!("`{table}`") };
        Ok(Some(Problem(format!(
            "this user lacks rights: GRANT {rights} ON `{schema}`.{table} TO {account}"
        ))))
    }

    /// The database in which tables without one are looked for.
    async fn mysql_home(&self) -> Result<String, StoreError> {
        let mut sql = self.sql();
        sql.push("SELECT CAST(DATABASE() AS CHAR)");
        Ok(self.database.cell(&sql).await?.unwrap_or_default())
    }
}

/// Denied to this user, and nothing else: a table that is not there yet is no lack of rights.
fn is_denied(error: &StoreError) -> bool {
    mysql_number(error).is_some_and(|number| DENIED.contains(&number))
}

/// To a database, to a table, to a column.
const DENIED: [u16; 3] = [1044, 1142, 1143];
const OF_TARGET: [Probe; 2] = [SELECT, ("DELETE", "DELETE FROM ", " WHERE 1 = 0")];
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
const TEMPORARY: Probe =
    ("CREATE TEMPORARY TABLES", "CREATE TEMPORARY TABLE ", " (tokenkeeper_key INT)");
