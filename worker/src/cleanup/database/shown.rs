//! What MySQL shows of itself: columns by their names, which differ from version to version.

use std::collections::BTreeMap;

use sqlx::{Column, Executor, Row, SqlStr, raw_sql};
use tokenkeeper_shared::store::StoreError;

use super::{Database, Pools};

/// A row by its columns' names, each cell as text.
pub type Named = BTreeMap<String, Option<String>>;

impl Database {
    /// The rows of a `SHOW`. They come as they would be printed, so that a number is a text, too.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn shown(&self, statement: &'static str) -> Result<Vec<Named>, StoreError> {
        let Pools::MySql(pool) = &self.pools else {
            return Err(StoreError::Row("only MySQL shows".to_owned()));
        };
        let rows = pool.fetch_all(raw_sql(SqlStr::from_static(statement))).await?;
        let named = |row: &sqlx::mysql::MySqlRow| {
            let columns = row.columns().iter();
            let cell = |of: &sqlx::mysql::MySqlColumn| row.try_get_unchecked(of.ordinal());
            columns.map(|of| Ok((of.name().to_owned(), cell(of)?))).collect()
        };
        Ok(rows.iter().map(named).collect::<Result<_, sqlx::Error>>()?)
    }
}
