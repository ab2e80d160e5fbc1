//! What a run's backups hold, table by table, and what speaks against bringing it back.

use std::ops::RangeInclusive;

use tokenkeeper_shared::store::StoreError;

use crate::cleanup::{
    database::{Database, Session},
    ledger::Told,
    policy::{Case, Identifier},
    progress::{BackedUp, Tally},
    site::backup_of,
    sql::{Bind, Sql},
    survey::catalog::TableName,
};

/// Rows of a target's table, or of a child's as that target's.
#[derive(Debug)]
pub(super) struct Way {
    /// What was kept.
    pub(super) of: BackedUp,
    /// Where.
    pub(super) backup: Identifier,
    /// The columns to bring back: all that the database does not compute.
    pub(super) columns: Vec<Identifier>,
    /// The batches of which rows are there.
    pub(super) batches: Vec<u64>,
    /// How many rows are there.
    pub(super) rows: u64,
}

/// The ways back, parents first; or why there is none.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn ways(
    database: &Database,
    told: &Told,
    session: &mut Session,
) -> Result<Result<Vec<Way>, String>, StoreError> {
    let targets = &told.progress.targets;
    let deleted: u64 = targets.iter().map(Tally::deleted_in_all).sum();
    if deleted > 0 && targets.iter().all(|tally| tally.backups.is_empty()) {
        return Ok(Err("the run kept no backup (--backup none)".to_owned()));
    }
    let (mut ways, mut objections) = (Vec::new(), Vec::new());
    for (at, tally) in targets.iter().enumerate() {
        let last = targets.get(at + 1).map_or(u64::MAX, |next| next.began_with);
        for of in &tally.backups {
            let batches = tally.began_with + 1..=last;
            let Some(way) = way(database, of, &told.run, batches, session).await? else { continue };
            objections.extend(objection(database, &way).await?);
            ways.push(way);
        }
    }
    let refused = || format!("nothing was brought back: {}", objections.join("; "));
    Ok(if objections.is_empty() { Ok(ways) } else { Err(refused()) })
}

async fn way(
    database: &Database,
    of: &BackedUp,
    run: &str,
    batches: RangeInclusive<u64>,
    session: &mut Session,
) -> Result<Option<Way>, StoreError> {
    let Some(backup) = backup_of(&of.table) else { return Ok(None) };
    if database.columns(&named(database, of, &backup)).await?.is_empty() {
        return Ok(None);
    }
    let mut sql = Sql::new(database.dialect(), Case::Exact);
    sql.push("SELECT ").text_of("tokenkeeper_batch").push(", ").text_of("COUNT(*)");
    sql.push(" FROM ").table(of.schema.as_ref(), &backup).push(" WHERE tokenkeeper_run = ");
    sql.bind(Bind::Text(run.to_owned())).push(" AND tokenkeeper_batch BETWEEN ");
    let number = |batch: &u64| Bind::Int(i64::try_from(*batch).unwrap_or(i64::MAX));
    sql.bind(number(batches.start())).push(" AND ").bind(number(batches.end()));
    sql.push(" GROUP BY tokenkeeper_batch");
    let (mut found, mut rows) = (Vec::new(), 0);
    for row in session.rows(&sql).await? {
        let [batch, number] = <[_; 2]>::try_from(row).unwrap_or_default();
        let parsed = |cell: Option<String>| cell.and_then(|text| text.parse::<u64>().ok());
        found.extend(parsed(batch));
        rows += parsed(number).unwrap_or_default();
    }
    if found.is_empty() {
        return Ok(None);
    }
    let generated = database.generated(&named(database, of, &of.table)).await?;
    let computed = |name: &&Identifier| generated.iter().any(|column| column == name.as_str());
    let columns = of.columns.iter().filter(|name| !computed(name)).cloned().collect();
    Ok(Some(Way { of: of.clone(), backup, columns, batches: found, rows }))
}

async fn objection(database: &Database, way: &Way) -> Result<Vec<String>, StoreError> {
    let table = &way.of.table;
    let there = database.columns(&named(database, &way.of, table)).await?;
    if there.is_empty() {
        return Ok(vec![format!("there is no table {table} any more")]);
    }
    let mut objections = way.of.losses();
    let is_there = |name: &&Identifier| there.iter().any(|column| column.name == name.as_str());
    if let Some(gone) = way.columns.iter().find(|name| !is_there(name)) {
        objections.push(format!("{table} has no column {gone} any more: add it, at least for now"));
    }
    Ok(objections)
}

fn named(database: &Database, of: &BackedUp, table: &Identifier) -> TableName {
    TableName::new(of.schema.as_ref(), table, database.dialect(), Case::Exact)
}
