//! A batch in one statement, for rows that are judged by their own columns and have no children: PostgreSQL
//! judges a row that changed meanwhile once more, on its newest version. It waits for locked rows, so it is tried
//! only while nobody stands in the way. Locking rows first is a second walk with a record in the log for each.

use tokenkeeper_shared::store::StoreError;

use super::{Engine, Picked};
use crate::cleanup::{database::Session, sql::Sql, walk::Window};

impl Engine<'_> {
    /// Whether rows may be deleted without being picked.
    pub(in crate::cleanup::engine) fn is_plain(&self) -> bool {
        let mut reasons = self.site.target.reasons.iter();
        self.site.children.is_empty()
            && reasons.all(|reason| reason.with.is_empty() && reason.without.is_empty())
    }

    pub(in crate::cleanup::engine) async fn sweep_postgres(
        &self,
        window: &Window,
        batch: u64,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let held = &self.site.own;
        let mut sql = self.site.sql();
        sql.push("WITH gone AS (DELETE FROM ");
        self.site.table(&mut sql, &held.table);
        sql.push(" WHERE ");
        self.within(window, &mut sql);
        sql.push(" AND ");
        self.site.doomed(&mut sql);
        sql.push(" RETURNING ");
        if held.is_kept() {
            sql.name(&held.table).push(".*, ");
        }
        self.site.reason(&mut sql);
        sql.push(" AS tokenkeeper_reason)");
        if held.is_kept() {
            sql.push(", copied AS (");
            let reason = |sql: &mut Sql| self.site.reason_of_number("gone.tokenkeeper_reason", sql);
            self.copy_gone(held, batch, reason, &mut sql);
            sql.push(")");
        }
        sql.push(" SELECT tokenkeeper_reason, CAST(COUNT(*) AS text), NULL FROM gone GROUP BY 1");
        Ok(super::picked(session.rows(&sql).await?))
    }
}
