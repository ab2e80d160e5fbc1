//! A batch's rows on their way from the backup tables, where the batch has put them, into the file: in the
//! batch's transaction, and on the disk before it is committed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokenkeeper_shared::store::StoreError;

use super::{Archive, Mark, cell};
use crate::cleanup::{
    database::Session,
    engine::Engine,
    ledger::Run,
    policy::Identifier,
    site::Held,
    sql::{Bind, Sql},
};

/// A line of the file: a deleted row.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Line {
    pub(super) table: Identifier,
    pub(super) run: String,
    pub(super) batch: u64,
    /// None: it went with its parent.
    pub(super) reason: Option<String>,
    /// Text, null, a whole number, `{"real": digits}` or `{"base64": bytes}`, by column.
    pub(super) row: Map<String, Value>,
}

/// Moves the rows of the run's last batch into the file.
///
/// # Errors
/// [`StoreError`]: the batch must be undone.
pub(in crate::cleanup) async fn move_out(
    engine: &Engine<'_>,
    archive: &Archive,
    run: &mut Run,
    session: &mut Session,
) -> Result<(), StoreError> {
    let batch = run.progress.batch;
    let mut lines = Vec::new();
    for held in std::iter::once(&engine.site.own).chain(&engine.site.children) {
        for line in taken(engine, held, batch, session).await? {
            let text = serde_json::to_string(&line);
            let text = text.map_err(|error| StoreError::Row(error.to_string()))?;
            lines.extend_from_slice(text.as_bytes());
            lines.push(b'\n');
        }
    }
    let Some(Mark { bytes, .. }) = &mut run.progress.file else { return Ok(()) };
    *bytes = archive.append(*bytes, &lines)?;
    Ok(())
}

async fn taken(
    engine: &Engine<'_>,
    held: &Held,
    batch: u64,
    session: &mut Session,
) -> Result<Vec<Line>, StoreError> {
    let Some(backup) = held.backup() else { return Ok(Vec::new()) };
    let site = &engine.site;
    let of_batch = |sql: &mut Sql| {
        site.table(sql, &backup);
        sql.push(" WHERE tokenkeeper_run = ").bind(Bind::Text(engine.run.clone()));
        sql.push(" AND tokenkeeper_batch = ");
        sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
    };
    let mut select = site.sql();
    select.push("SELECT tokenkeeper_reason");
    for column in held.kept() {
        select.push(", ");
        cell::select(column, &mut select);
    }
    select.push(" FROM ");
    of_batch(&mut select);
    let rows = session.rows(&select).await?;
    let mut delete = site.sql();
    delete.push("DELETE FROM ");
    of_batch(&mut delete);
    if !rows.is_empty() {
        session.run(&delete).await?;
    }
    let table: Identifier =
        held.table.spelled(site.dialect, site.case).parse().unwrap_or(held.table.clone());
    let line = |mut texts: Vec<Option<String>>| {
        let reason = texts.remove(0);
        let names = held.kept().map(|column| column.name.to_string());
        let values = cell::cells(texts).into_iter().map(|cell| cell.to_json());
        Line {
            table: table.clone(),
            run: engine.run.clone(),
            batch,
            reason,
            row: names.zip(values).collect(),
        }
    };
    Ok(rows.into_iter().map(line).collect())
}
