//! MySQL and MariaDB: keys are picked into a temporary table of the connection, so that they need no
//! spelling out, whatever their types and collations are.

use tokenkeeper_shared::store::StoreError;

use super::{Engine, Picked};
use crate::cleanup::{
    database::Session,
    policy::{Identifier, Related},
    site::{Held, columns_of},
    sql::{Bind, Sql},
    walk::{KeyColumn, KeyKind, Walk, Window},
};

impl Engine<'_> {
    pub(super) async fn prepare_mysql(&mut self, session: &mut Session) -> Result<(), StoreError> {
        let mut sql = self.site.sql();
        sql.push("SELECT CAST(VERSION() AS CHAR)");
        self.skips_locked = skips_locked(&session.cell(&sql).await?.unwrap_or_default());
        let mut keys = Vec::new();
        for name in &self.site.target.key {
            keys.push(KeyColumn { name: name.clone(), kind: self.kind(name, session).await? });
        }
        self.walk = Walk::Keys(keys);
        let mut drop = self.site.sql();
        drop.push("DROP TEMPORARY TABLE IF EXISTS tokenkeeper_picked");
        session.run(&drop).await?;
        let mut create = self.site.sql();
        create.push("CREATE TEMPORARY TABLE tokenkeeper_picked (PRIMARY KEY (");
        create.names(&self.site.target.key).push(")) AS SELECT ");
        create.names(self.noted()).push(", 0 AS tokenkeeper_reason FROM ");
        self.site.table(&mut create, &self.site.target.table);
        create.push(" LIMIT 0");
        session.run(&create).await?;
        Ok(())
    }

    async fn kind(&self, key: &Identifier, session: &mut Session) -> Result<KeyKind, StoreError> {
        let mut sql = self.site.sql();
        sql.push(
            "SELECT CAST(data_type AS CHAR) FROM information_schema.columns WHERE table_schema = ",
        );
        match &self.site.target.schema {
            Some(schema) => sql.bind(Bind::Text(schema.as_str().to_owned())),
            None => sql.push("DATABASE()"),
        };
        sql.push(" AND table_name = ").bind(Bind::Text(self.site.target.table.to_string()));
        sql.push(" AND column_name = ").bind(Bind::Text(key.to_string()));
        let kind = session.cell(&sql).await?.unwrap_or_default().to_lowercase();
        Ok(match kind.as_str() {
            of if of.contains("int") => KeyKind::Integer,
            of if of.contains("binary") || of.contains("blob") => KeyKind::Bytes,
            _ => KeyKind::Text,
        })
    }

    /// The key, and what orphans refer to.
    fn noted(&self) -> Vec<&Identifier> {
        let mut columns: Vec<&Identifier> = self.site.target.key.iter().collect();
        let orphaned = self.site.children.iter().filter(|held| held.is_orphaned());
        for column in orphaned.filter_map(|held| held.path.first()).flat_map(|of| of.on.values()) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// DELETE would leave its rows in the way of the next batches until they are purged, which they are not.
    pub(super) async fn clear_mysql(&self, session: &mut Session) -> Result<(), StoreError> {
        let mut sql = self.site.sql();
        sql.push("TRUNCATE TABLE tokenkeeper_picked");
        session.run(&sql).await.map(drop)
    }

    pub(super) async fn pick_mysql(
        &self,
        window: &Window,
        most: u64,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        let table = &self.site.target.table;
        let mut sql = self.site.sql();
        sql.push("INSERT INTO tokenkeeper_picked SELECT ");
        columns_of(table, &self.noted(), &mut sql);
        sql.push(", ");
        self.site.reason(&mut sql);
        sql.push(" FROM ");
        self.site.table(&mut sql, table);
        self.wanted(window, most, &mut sql);
        sql.push(if self.skips_locked { " FOR UPDATE SKIP LOCKED" } else { " FOR UPDATE" });
        session.run(&sql).await?;
        let mut counts = self.site.sql();
        counts.push("SELECT CAST(tokenkeeper_reason AS CHAR), CAST(COUNT(*) AS CHAR) FROM tokenkeeper_picked GROUP BY tokenkeeper_reason");
        let number = |cell: Option<String>| cell.and_then(|text| text.parse().ok());
        let mut picked = Picked::default();
        for row in session.rows(&counts).await? {
            let [reason, rows] = <[_; 2]>::try_from(row).unwrap_or_default();
            let reason = reason.and_then(|text| text.parse().ok()).unwrap_or_default();
            picked.reasons.push((reason, number(rows).unwrap_or_default()));
        }
        Ok(picked)
    }

    pub(super) async fn take_mysql(
        &self,
        held: &Held,
        batch: u64,
        session: &mut Session,
    ) -> Result<u64, StoreError> {
        let mut copied = None;
        if held.is_kept() {
            let mut sql = self.site.sql();
            self.insert(held, &mut sql);
            sql.push("SELECT ");
            for column in held.kept() {
                let of = |sql: &mut Sql| {
                    sql.name(&held.table).push(".").spelled(&column.name);
                };
                self.kept(column, &of, &mut sql);
                sql.push(", ");
            }
            self.stamp(batch, |sql| self.site.reason_name(held, sql), &mut sql);
            sql.push(" FROM ");
            if held.path.is_empty() {
                self.picked_rows(&mut sql);
                sql.push(" WHERE ");
                self.site.doomed(&mut sql);
            } else {
                self.child_rows(held, &mut sql);
            }
            copied = Some(session.run(&sql).await?);
        }
        let mut sql = self.site.sql();
        sql.push("DELETE ");
        self.site.table(&mut sql, &held.table);
        sql.push(" FROM ");
        if held.path.is_empty() {
            self.own_rows(&mut sql);
        } else {
            self.child_rows(held, &mut sql);
        }
        super::agree(copied, session.run(&sql).await?)
    }

    fn picked_rows(&self, sql: &mut Sql) {
        let table = &self.site.target.table;
        sql.push("tokenkeeper_picked STRAIGHT_JOIN ");
        self.site.table(sql, table);
        self.same_key(sql);
    }

    fn same_key(&self, sql: &mut Sql) {
        let table = &self.site.target.table;
        for (at, key) in self.site.target.key.iter().enumerate() {
            sql.push(if at == 0 { " ON " } else { " AND " }).name(table).push(".").name(key);
            sql.push(" = tokenkeeper_picked.").name(key);
        }
    }

    /// The picked rows that may still go. MySQL does not let a DELETE look at its own table (1093), but for
    /// a table that was derived from it before.
    fn own_rows(&self, sql: &mut Sql) {
        let table = &self.site.target.table;
        let looks = |related: &Related| looks_at(related, table);
        let reasons = &self.site.target.reasons;
        if !reasons.iter().any(|reason| reason.with.iter().chain(&reason.without).any(looks)) {
            self.picked_rows(sql);
            sql.push(" WHERE ");
            self.site.doomed(sql);
            return;
        }
        sql.push("(SELECT DISTINCT ");
        columns_of(table, &self.site.target.key.iter().collect::<Vec<_>>(), sql);
        sql.push(" FROM ");
        self.picked_rows(sql);
        sql.push(" WHERE ");
        self.site.doomed(sql);
        sql.push(") tokenkeeper_picked STRAIGHT_JOIN ");
        self.site.table(sql, table);
        self.same_key(sql);
    }

    fn child_rows(&self, held: &Held, sql: &mut Sql) {
        self.site.table(sql, &held.table);
        sql.push(" WHERE ");
        let from_picked = |sql: &mut Sql, columns: &[&Identifier]| {
            sql.push("SELECT ");
            if held.is_orphaned() {
                sql.names(columns.iter().copied()).push(" FROM tokenkeeper_picked");
            } else {
                columns_of(&self.site.target.table, columns, sql);
                sql.push(" FROM ");
                self.picked_rows(sql);
            }
        };
        self.site.belongs(&held.path, sql, &from_picked);
        if held.is_orphaned() {
            sql.push(" AND ");
            self.site.is_left_alone(held, sql);
        }
    }
}

fn looks_at(related: &Related, table: &Identifier) -> bool {
    let mut nested = related.with.iter().chain(&related.without);
    related.table == *table || nested.any(|each| looks_at(each, table))
}

/// MySQL since 8.0, MariaDB since 10.6.
fn skips_locked(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok());
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found >= if version.contains("MariaDB") { (10, 6) } else { (8, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_rows_are_passed_over_where_the_server_can() {
        assert!(skips_locked("8.0.36") && skips_locked("10.11.6-MariaDB-0+deb12u1"));
        assert!(!skips_locked("5.7.44-log") && !skips_locked("10.5.22-MariaDB"));
    }
}
