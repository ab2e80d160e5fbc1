//! How much a copy holds.

use tokenkeeper_shared::store::StoreError;

use super::{TableRows, needed::Needed};
use crate::cleanup::{database::Database, dialect::Dialect, policy::Case, sql::Sql};

/// The rows of each table.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn rows(
    database: &Database,
    tables: &[Needed],
) -> Result<Vec<TableRows>, StoreError> {
    let mut counts = Vec::new();
    for needed in tables {
        let mut sql = Sql::new(database.dialect(), Case::Exact);
        sql.push("SELECT ").text_of("COUNT(*)").push(" FROM ");
        if let Some(schema) = &needed.schema {
            sql.found(schema).push(".");
        }
        sql.found(&needed.table);
        let rows = number(database, &sql).await?;
        counts.push(TableRows { table: needed.table.clone(), rows });
    }
    Ok(counts)
}

/// Bytes, as far as the database tells: MySQL's answer is an estimate.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn size(database: &Database) -> Result<u64, StoreError> {
    let mut sql = Sql::new(database.dialect(), Case::Exact);
    sql.push(match database.dialect() {
        Dialect::Postgres => "SELECT CAST(pg_database_size(current_database()) AS text)",
        Dialect::MySql => {
            "SELECT CAST(SUM(data_length + index_length) AS CHAR) FROM information_schema.tables \
             WHERE table_schema = DATABASE()"
        }
        _ => "SELECT CAST(page_count * page_size AS text) FROM pragma_page_count(), pragma_page_size()",
    });
    number(database, &sql).await
}

async fn number(database: &Database, sql: &Sql) -> Result<u64, StoreError> {
    Ok(database.cell(sql).await?.and_then(|text| text.parse().ok()).unwrap_or_default())
}
