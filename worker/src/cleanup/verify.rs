//! A look back at a target that was cleaned: what is left, and whether the backup holds what was deleted,
//! rows that were rightly deleted alone.

mod judge;

use tokenkeeper_shared::store::StoreError;

use super::{
    database::Session,
    dialect::Dialect,
    engine::Engine,
    progress::Verified,
    site::Held,
    sql::{Bind, Sql},
};

/// How many rows of the target are dead by the run's cut-off.
///
/// # Errors
/// [`StoreError`].
pub async fn left(engine: &Engine<'_>, session: &mut Session) -> Result<u64, StoreError> {
    let mut sql = engine.site.sql();
    count(&mut sql);
    engine.site.table(&mut sql, &engine.site.target.table);
    sql.push(" WHERE ");
    engine.site.doomed(&mut sql);
    number(session.cell(&sql).await?)
}

/// What the backups of this run hold of the target and its children; `None` where there are none.
///
/// # Errors
/// [`StoreError`].
pub async fn look(
    engine: &Engine<'_>,
    from_batch: u64,
    session: &mut Session,
) -> Result<Option<Verified>, StoreError> {
    if !engine.site.own.is_kept() {
        return Ok(None);
    }
    let mut verified = Verified::default();
    for held in std::iter::once(&engine.site.own).chain(&engine.site.children) {
        let Some(sql) = of_run(engine, held, from_batch) else { continue };
        verified.backed_up += number(session.cell(&sql).await?)?;
    }
    engine.judge(from_batch, &mut verified, session).await?;
    Ok(Some(verified))
}

fn of_run(engine: &Engine<'_>, held: &Held, from_batch: u64) -> Option<Sql> {
    let mut sql = engine.site.sql();
    count(&mut sql);
    engine.site.table(&mut sql, &held.backup()?);
    sql.push(" WHERE ");
    behind(engine, from_batch, &mut sql);
    Some(sql)
}

/// Adds that a row was backed up by this run after that batch.
fn behind(engine: &Engine<'_>, batch: u64, sql: &mut Sql) {
    sql.push("tokenkeeper_run = ").bind(Bind::Text(engine.run.clone()));
    sql.push(" AND tokenkeeper_batch > ");
    sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
}

fn count(sql: &mut Sql) {
    let end = if sql.dialect() == Dialect::MySql { " AS CHAR)" } else { " AS text)" };
    sql.push("SELECT CAST(COUNT(*)").push(end).push(" FROM ");
}

fn number(cell: Option<String>) -> Result<u64, StoreError> {
    let number = cell.and_then(|text| text.parse().ok());
    number.ok_or_else(|| StoreError::Row("the database does not count".to_owned()))
}
