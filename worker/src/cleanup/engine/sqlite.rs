//! SQLite: `rowid`s are picked under the write lock and travel as JSON, token hashes with them.

use tokenkeeper_shared::store::StoreError;

use super::{Engine, Picked};
use crate::cleanup::{
    database::Session,
    digest,
    policy::{Identifier, Treatment},
    site::{Held, Kept},
    sql::{Bind, Sql},
    walk::{KeyColumn, KeyKind, Walk, Window},
};

pub(super) fn walk() -> Result<Walk, StoreError> {
    let name = "rowid".parse().map_err(|_| StoreError::Row("rowid".to_owned()))?;
    Ok(Walk::Keys(vec![KeyColumn { name, kind: KeyKind::Integer }]))
}

impl Engine<'_> {
    pub(super) async fn pick_sqlite(
        &self,
        window: &Window,
        most: u64,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let table = &self.site.target.table;
        let mut sql = self.site.sql();
        sql.push("SELECT CAST(").name(table).push(".rowid AS text), ");
        self.site.reason(&mut sql);
        sql.push(" FROM ");
        self.site.table(&mut sql, table);
        self.wanted(window, most, &mut sql);
        Ok(Picked::gathered(session.rows(&sql).await?, json))
    }

    pub(super) async fn take_sqlite(
        &self,
        held: &Held,
        picked: &Picked,
        batch: u64,
        session: &mut Session,
    ) -> Result<u64, StoreError> {
        let rows = self.rowids(held, picked, session).await?;
        if rows == NONE {
            return Ok(0);
        }
        let mut copied = None;
        if held.is_kept() {
            let mut sql = self.site.sql();
            self.copy(held, &rows, batch, &mut sql);
            copied = Some(session.run(&sql).await?);
        }
        let mut sql = self.site.sql();
        sql.push("DELETE FROM ");
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE rowid IN (SELECT json_extract(value, '$[0]') FROM json_each(");
        sql.bind(Bind::Text(rows)).push("))");
        if held.path.is_empty() {
            sql.push(" AND ");
            self.site.doomed(&mut sql);
        }
        let deleted = session.run(&sql).await?;
        super::agree(copied, deleted)
    }

    pub(super) async fn candidates_sqlite(
        &self,
        held: &Held,
        picked: &Picked,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let mut sql = self.site.sql();
        sql.push("SELECT CAST(").name(&held.table).push(".rowid AS text), NULL FROM ");
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE ");
        self.of_picked(held, picked, among, &mut sql);
        Ok(Picked::gathered(session.rows(&sql).await?, json))
    }

    /// The rows to take as JSON: `[[rowid, hash, …], …]`.
    async fn rowids(
        &self,
        held: &Held,
        picked: &Picked,
        session: &mut Session,
    ) -> Result<String, StoreError> {
        let mut sql = self.site.sql();
        sql.push("SELECT CAST(").name(&held.table).push(".rowid AS text)");
        for column in hashed(held) {
            // hex(NULL) is ''.
            sql.push(", CASE WHEN ").name(&held.table).push(".").spelled(&column.name);
            sql.push(" IS NOT NULL THEN hex(CAST(").name(&held.table).push(".");
            sql.spelled(&column.name).push(" AS blob)) END");
        }
        sql.push(" FROM ");
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE ");
        if held.path.is_empty() || held.is_orphaned() {
            among(&held.table, picked, &mut sql);
            if held.is_orphaned() {
                sql.push(" AND ");
                self.site.is_left_alone(held, &mut sql);
            }
        } else {
            self.of_picked(held, picked, among, &mut sql);
        }
        let rows = session.rows(&sql).await?;
        let rows = rows.into_iter().map(|row| {
            let mut cells = row.into_iter();
            let rowid: i64 =
                cells.next().flatten().and_then(|text| text.parse().ok()).unwrap_or_default();
            let hashes = cells.map(|cell| cell.map_or(serde_json::Value::Null, hashed_bytes));
            std::iter::once(rowid.into()).chain(hashes).collect::<serde_json::Value>()
        });
        Ok(rows.collect::<serde_json::Value>().to_string())
    }

    fn copy(&self, held: &Held, rows: &str, batch: u64, sql: &mut Sql) {
        self.insert(held, sql);
        sql.push("SELECT ");
        let mut hash = 0;
        for column in held.kept() {
            if column.treatment == Treatment::Hash {
                hash += 1;
                sql.push("json_extract(taken.value, '$[").number(hash).push("]'), ");
            } else {
                sql.name(&held.table).push(".").spelled(&column.name).push(", ");
            }
        }
        self.stamp(batch, |sql| self.site.reason_name(held, sql), sql);
        sql.push(" FROM json_each(").bind(Bind::Text(rows.to_owned()));
        sql.push(") taken CROSS JOIN ");
        self.site.table(sql, &held.table);
        sql.push(" ON ").name(&held.table).push(".rowid = json_extract(taken.value, '$[0]')");
    }
}

fn among(table: &Identifier, picked: &Picked, sql: &mut Sql) {
    sql.name(table).push(".rowid IN (SELECT value FROM json_each(");
    sql.bind(Bind::Text(picked.members.clone())).push("))");
}

fn hashed(held: &Held) -> impl Iterator<Item = &Kept> {
    held.kept().filter(|column| column.treatment == Treatment::Hash)
}

fn json(places: &[String]) -> String {
    format!("[{}]", places.join(","))
}

/// SQLite has no SHA-256. '' stays '', as NULL does.
fn hashed_bytes(hex: String) -> serde_json::Value {
    if hex.is_empty() {
        return hex.into();
    }
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    digest::sha256(bytes).into()
}

/// No rows.
const NONE: &str = "[]";
