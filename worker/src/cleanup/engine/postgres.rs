//! PostgreSQL: places (`ctid`) are picked page by page; one statement deletes and copies, so that what is
//! copied is what was deleted.

mod straight;

use tokenkeeper_shared::store::StoreError;

use super::{Engine, Picked};
use crate::cleanup::{
    database::{Session, Texts},
    policy::Identifier,
    site::Held,
    sql::{Bind, Sql},
    walk::{Position, ROWS_IN_PAGE, Walk, Window},
};

pub(super) fn window(after: &Position, size: u64, pages: u64) -> Option<Window> {
    let from = after.as_place();
    let (page, row) = (from / ROWS_IN_PAGE, from % ROWS_IN_PAGE);
    if page >= pages {
        return None;
    }
    let upto = if size >= ROWS_IN_PAGE {
        let last = page + size / ROWS_IN_PAGE;
        last * ROWS_IN_PAGE - 1
    } else if row + 1 >= MOST_ROWS {
        (page + 1) * ROWS_IN_PAGE - 1
    } else {
        from + (size / NARROWER).max(1)
    };
    // Behind the last row of a page lies the next page.
    let upto = if upto % ROWS_IN_PAGE == ROWS_IN_PAGE - 1 { upto + 1 } else { upto };
    Some(Window { after: after.clone(), upto: Some(Position::place(upto)) })
}

impl Engine<'_> {
    pub(super) async fn prepare_postgres(
        &mut self,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        let mut sql = self.site.sql();
        sql.push("SELECT CAST(c.relkind AS text), CAST(pg_relation_size(c.oid) / current_setting('block_size')::bigint AS text), \
                  current_setting('server_version_num') FROM pg_class c WHERE c.oid = to_regclass(");
        let mut table = self.site.sql();
        self.site.table(&mut table, &self.site.target.table);
        sql.bind(Bind::Text(table.text().to_owned())).push(")");
        let row = session.rows(&sql).await?.into_iter().next().unwrap_or_default();
        let [kind, pages, version] = <[_; 3]>::try_from(row).unwrap_or_default();
        let version: u64 = version.and_then(|text| text.parse().ok()).unwrap_or_default();
        if kind.as_deref() != Some("r") || version < OLDEST {
            let message = format!(
                "{} is a partitioned or foreign table, or this server is older than PostgreSQL 14: neither is cleaned yet",
                self.site.target.table
            );
            return Err(StoreError::Unfit(message));
        }
        let pages = pages.and_then(|text| text.parse().ok()).unwrap_or_default();
        self.walk = Walk::Places { pages };
        Ok(())
    }

    pub(super) async fn pick_postgres(
        &self,
        window: &Window,
        most: u64,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let table = &self.site.target.table;
        let mut sql = self.site.sql();
        gathered(&mut sql);
        sql.name(table).push(".ctid AS place, ");
        self.site.reason(&mut sql);
        sql.push(" AS reason FROM ");
        self.site.table(&mut sql, table);
        self.wanted(window, most, &mut sql);
        sql.push(" FOR UPDATE OF ").name(table).push(" SKIP LOCKED) picked GROUP BY reason");
        Ok(picked(session.rows(&sql).await?))
    }

    pub(super) async fn take_postgres(
        &self,
        held: &Held,
        picked: &Picked,
        batch: u64,
        session: &mut Session,
    ) -> Result<u64, StoreError> {
        let mut sql = self.site.sql();
        sql.push(if held.is_kept() { "WITH gone AS (DELETE FROM " } else { "DELETE FROM " });
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE ");
        if held.path.is_empty() {
            among(&held.table, picked, &mut sql);
            sql.push(" AND ");
            self.site.doomed(&mut sql);
        } else if held.is_orphaned() {
            among(&held.table, picked, &mut sql);
            sql.push(" AND ");
            self.site.is_left_alone(held, &mut sql);
        } else {
            self.of_picked(held, picked, among, &mut sql);
        }
        if held.is_kept() {
            sql.push(" RETURNING ").name(&held.table).push(".*, ");
            self.site.reason_name(held, &mut sql);
            sql.push(" AS tokenkeeper_reason) ");
            let reason = |sql: &mut Sql| {
                sql.push("gone.tokenkeeper_reason");
            };
            self.copy_gone(held, batch, reason, &mut sql);
        }
        session.run(&sql).await
    }

    pub(super) async fn candidates_postgres(
        &self,
        held: &Held,
        picked: &Picked,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let mut sql = self.site.sql();
        gathered(&mut sql);
        sql.name(&held.table).push(".ctid AS place, NULL AS reason FROM ");
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE ");
        self.of_picked(held, picked, among, &mut sql);
        sql.push(" FOR UPDATE OF ").name(&held.table).push(") picked GROUP BY reason");
        Ok(self::picked(session.rows(&sql).await?))
    }

    /// Adds the statement that copies what `gone` has.
    fn copy_gone(&self, held: &Held, batch: u64, reason: impl Fn(&mut Sql), sql: &mut Sql) {
        self.insert(held, sql);
        sql.push("SELECT ");
        for column in held.kept() {
            let of = |sql: &mut Sql| {
                sql.push("gone.").spelled(&column.name);
            };
            self.kept(column, &of, sql);
            sql.push(", ");
        }
        self.stamp(batch, reason, sql);
        sql.push(" FROM gone");
    }
}

fn among(table: &Identifier, picked: &Picked, sql: &mut Sql) {
    sql.name(table).push(".ctid").among_places(picked.members.clone());
}

/// The places of each reason as one array: a row each would take longer to send than to find.
fn gathered(sql: &mut Sql) {
    sql.push("SELECT reason, CAST(COUNT(*) AS text), CAST(array_agg(place) AS text) FROM (SELECT ");
}

fn picked(rows: Vec<Texts>) -> Picked {
    let mut picked = Picked::default();
    let mut places = Vec::new();
    for row in rows {
        let [reason, rows, array] = <[_; 3]>::try_from(row).unwrap_or_default();
        let number = |cell: Option<String>| cell.and_then(|text| text.parse().ok());
        let reason = number(reason).and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
        picked.reasons.push((reason, number(rows).unwrap_or_default()));
        let array = array.unwrap_or_default();
        places.push(array.trim_matches(['{', '}']).to_owned());
    }
    picked.members = format!("{{{}}}", places.join(","));
    picked
}

/// PostgreSQL 14 looks up ranges of places.
const OLDEST: u64 = 140_000;
/// More than a page holds, also one of 32 kB.
const MOST_ROWS: u64 = 2_048;
/// From a page on, halves of a window would hold the same rows several times.
const NARROWER: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_to_the_last_page_whatever_their_size() {
        for size in [1, 200, 40_000, ROWS_IN_PAGE, 7 * ROWS_IN_PAGE] {
            let (mut at, mut steps) = (Position::default(), 0);
            while let Some(next) = window(&at, size, 5) {
                let upto = next.upto.unwrap();
                assert!(upto.as_place() > at.as_place());
                (at, steps) = (upto, steps + 1);
            }
            assert!(at.as_place() >= 5 * ROWS_IN_PAGE && steps <= 5 * MOST_ROWS, "{size}: {steps}");
        }
    }
}
