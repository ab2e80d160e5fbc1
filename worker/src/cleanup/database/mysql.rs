//! What MySQL and MariaDB say of themselves and of whoever asks.

use tokenkeeper_shared::store::StoreError;

use super::Database;
use crate::cleanup::{dialect::Dialect, policy::Case, sql::Sql};

impl Database {
    /// The account that asks, as a GRANT names it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mysql_account(&self) -> Result<String, StoreError> {
        let mut sql = Sql::new(Dialect::MySql, Case::Exact);
        sql.push("SELECT CAST(CURRENT_USER() AS CHAR)");
        let user = self.cell(&sql).await?.unwrap_or_default();
        let (name, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        Ok(format!("{}@{}", quoted(name), quoted(host)))
    }

    /// Which of the two the server is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_mariadb(&self) -> Result<bool, StoreError> {
        let mut sql = Sql::new(Dialect::MySql, Case::Exact);
        sql.push("SELECT CAST(VERSION() AS CHAR)");
        Ok(self.cell(&sql).await?.is_some_and(|version| version.contains("MariaDB")))
    }
}

/// The number of what a server refused.
#[must_use]
pub fn mysql_number(error: &StoreError) -> Option<u16> {
    let (StoreError::Refused(error) | StoreError::Temporary(error)) = error else { return None };
    let refusal = error.as_database_error()?;
    let refusal = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(refusal.number())
}
