//! The rows of a file back into the backup tables, batch by batch, each once: from there they are restored as
//! any others are.

use std::{collections::BTreeSet, path::Path};

use tokenkeeper_shared::store::StoreError;

use super::{Mark, cell, failed, moved::Line, reader};
use crate::{
    cleanup::{
        archive::cell::Cell,
        database::{Database, Session},
        dialect::Dialect,
        ledger::{self, Told},
        policy::{Case, Identifier},
        progress::BackedUp,
        restore::NotRestored,
        site::backup_of,
        sql::{Bind, Sql},
    },
    failpoint,
};

/// Loads a run's file.
///
/// # Errors
/// [`NotRestored`]: refused before anything is changed, unless it is the database.
pub async fn load(
    database: &Database,
    run: &str,
    path: &Path,
    session: &mut Session,
) -> Result<(), NotRestored> {
    let told = NotRestored::found(session, run).await?;
    let Some(mark) = told.progress.file.as_ref() else {
        return Err(refused("the run kept its rows in tables: leave --from out".to_owned()));
    };
    if told.is_running() {
        return Err(NotRestored::running());
    }
    let in_file = |error| refused(failed(path, error).to_string());
    reader::check(path, run, mark).map_err(in_file)?;
    objections(&told, path, mark)?;
    let mut utc = database.session().await?;
    utc.in_utc().await?;
    let (mut rows, mut batch) = (Vec::new(), 0);
    for line in reader::lines(path, mark).map_err(in_file)? {
        let line = line.map_err(in_file)?;
        if line.batch != batch {
            load_batch(&told, batch, &rows, &mut utc).await?;
            (rows, batch) = (Vec::new(), line.batch);
        }
        rows.push(line);
    }
    load_batch(&told, batch, &rows, &mut utc).await?;
    ledger::loaded(&mut utc, run, told.progress.batch).await?;
    utc.close().await;
    Ok(())
}

/// Hashes are as good in a file as elsewhere: for nothing.
fn objections(told: &Told, path: &Path, mark: &Mark) -> Result<(), NotRestored> {
    let in_file = |error| refused(failed(path, error).to_string());
    let mut tables = BTreeSet::new();
    for line in reader::lines(path, mark).map_err(in_file)? {
        tables.insert(line.map_err(in_file)?.table);
    }
    let backups = told.progress.targets.iter().flat_map(|tally| &tally.backups);
    let in_it = backups.filter(|of| tables.contains(&of.table));
    let objections: Vec<_> = in_it.flat_map(BackedUp::losses).collect();
    if objections.is_empty() {
        return Ok(());
    }
    Err(refused(format!("nothing was brought back: {}", objections.join("; "))))
}

async fn load_batch(
    told: &Told,
    batch: u64,
    lines: &[Line],
    session: &mut Session,
) -> Result<(), StoreError> {
    if batch <= told.loaded || lines.is_empty() {
        return Ok(());
    }
    session.begin().await?;
    let done = inside(told, batch, lines, session).await;
    if let Err(error) = done {
        session.roll_back().await?;
        return Err(error);
    }
    failpoint::reach("load_before_commit");
    session.commit().await?;
    failpoint::reach("load_after_commit");
    Ok(())
}

async fn inside(
    told: &Told,
    batch: u64,
    lines: &[Line],
    session: &mut Session,
) -> Result<(), StoreError> {
    let mut tables: Vec<&Identifier> = lines.iter().map(|line| &line.table).collect();
    tables.dedup();
    for table in tables {
        let mut backups = told.progress.targets.iter().flat_map(|tally| &tally.backups);
        let of = backups.find(|of| of.table == *table);
        let of = of.ok_or_else(|| StoreError::Row(format!("the run had no table {table}")))?;
        let rows: Vec<&Line> = lines.iter().filter(|line| line.table == *table).collect();
        for some in rows.chunks(AT_ONCE) {
            insert(of, some, session).await?;
        }
    }
    ledger::loaded(session, &told.run, batch).await
}

async fn insert(of: &BackedUp, lines: &[&Line], session: &mut Session) -> Result<(), StoreError> {
    let rows: Vec<Vec<Cell>> =
        lines.iter().map(|line| cells(of, line)).collect::<Result<_, _>>()?;
    let mut sql = Sql::new(session.dialect(), Case::Exact);
    let backup = backup_of(&of.table).ok_or_else(unreadable)?;
    sql.push(if session.dialect() == Dialect::Postgres { "COPY " } else { "INSERT INTO " });
    sql.table(of.schema.as_ref(), &backup).push(" (").names(&of.columns);
    sql.push(", tokenkeeper_run, tokenkeeper_batch, tokenkeeper_reason)");
    if session.dialect() == Dialect::Postgres {
        sql.push(" FROM STDIN");
        let text: String = rows.iter().map(|row| cell::copied(row.iter())).collect();
        return session.copy(&sql, &text).await;
    }
    sql.push(" VALUES ");
    for (at, row) in rows.iter().enumerate() {
        sql.push(if at == 0 { "(" } else { ", (" });
        for (at, cell) in row.iter().enumerate() {
            sql.push(if at == 0 { "" } else { ", " });
            value(cell, &mut sql);
        }
        sql.push(")");
    }
    session.run(&sql).await.map(drop)
}

/// The columns that were kept, and the run's own.
fn cells(of: &BackedUp, line: &Line) -> Result<Vec<Cell>, StoreError> {
    let named = |name: &Identifier| {
        let value = line.row.get(name.as_str());
        value.and_then(Cell::from_json).ok_or_else(unreadable)
    };
    let mut cells: Vec<_> = of.columns.iter().map(named).collect::<Result<_, _>>()?;
    cells.push(Cell::Text(line.run.clone()));
    cells.push(Cell::Integer(i64::try_from(line.batch).map_err(|_| unreadable())?));
    cells.push(line.reason.clone().map_or(Cell::Null, Cell::Text));
    Ok(cells)
}

fn value(cell: &Cell, sql: &mut Sql) {
    let hex = if sql.dialect() == Dialect::MySql { "UNHEX(" } else { "unhex(" };
    match cell {
        Cell::Null => sql.push("NULL"),
        Cell::Text(text) => sql.bind(Bind::Text(text.clone())),
        Cell::Integer(number) => sql.bind(Bind::Int(*number)),
        Cell::Real(digits) => sql.push("CAST(").bind(Bind::Text(digits.clone())).push(" AS REAL)"),
        Cell::Bytes(digits) => sql.push(hex).bind(Bind::Text(digits.clone())).push(")"),
    };
}

fn refused(message: String) -> NotRestored {
    NotRestored::Refused(message)
}

fn unreadable() -> StoreError {
    StoreError::Row("a line of the file lacks a column, or holds what no column does".to_owned())
}

/// Within what every database lets bind at once.
const AT_ONCE: usize = 100;
