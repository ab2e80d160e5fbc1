//! Each deleted row is judged again, by the evaluator in Rust, from what the backup holds; with the rows
//! beside it as they are now, and with those that went with it.

use std::collections::BTreeMap;

use tokenkeeper_shared::store::StoreError;

use super::behind;
use crate::cleanup::{
    columns::{self, Read},
    database::Session,
    engine::Engine,
    evaluate::{Evaluator, Row, Tables},
    policy::{Identifier, Related, Treatment},
    progress::Verified,
    site::{Held, Kept, columns_of},
    sql::{Bind, Sql},
};

/// A condition, and the table that its rows are read from: its own, or the backup of that.
type Link<'a> = (&'a Related, Identifier);

/// Rows by the table, the columns that they are looked up by, and the values of these.
type Beside = BTreeMap<(Identifier, Vec<Identifier>), BTreeMap<Vec<String>, Vec<Row>>>;

impl Engine<'_> {
    pub(super) async fn judge(
        &self,
        from_batch: u64,
        verified: &mut Verified,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        let Some(backup) = self.site.own.backup() else { return Ok(()) };
        if self.relates_by_secrets() {
            return Ok(());
        }
        let reads = columns::of_target(self.site.target);
        let mut after = from_batch;
        while let Some(batch) = self.next_batch(&backup, after, session).await? {
            let mut sql = self.site.sql();
            selected(&reads, &mut sql);
            self.site.table(&mut sql, &backup);
            sql.push(" WHERE ");
            self.of_batch(batch, &mut sql);
            let rows = session.rows(&sql).await?;
            let mut beside = Beside::new();
            for related in self.related() {
                self.follow(&[], related, (&backup, batch), &mut beside, session).await?;
            }
            for texts in rows {
                let row = named(&reads, texts);
                verified.judged += 1;
                verified.misjudged += u64::from(!self.may_go(&row, &beside));
            }
            after = batch;
        }
        Ok(())
    }

    fn may_go(&self, row: &Row, beside: &Beside) -> bool {
        let mut tables = Tables::new();
        self.related().for_each(|related| reach(related, row, beside, &mut tables));
        let (dialect, clock) = (self.site.dialect, self.site.clock);
        let evaluator = Evaluator { dialect, clock, tables: &tables };
        evaluator.reason(self.site.target, row).is_some()
    }

    fn related(&self) -> impl Iterator<Item = &Related> {
        let reasons = self.site.target.reasons.iter();
        reasons.flat_map(|reason| reason.with.iter().chain(&reason.without))
    }

    /// A hashed value leads to no row.
    fn relates_by_secrets(&self) -> bool {
        let hashed = |name: &Identifier| {
            let same = |kept: &&Kept| kept.name.as_str().eq_ignore_ascii_case(name.as_str());
            let found = self.site.own.columns.iter().find(same);
            found.is_some_and(|kept| kept.treatment == Treatment::Hash)
        };
        self.related().any(|related| related.on.values().any(hashed))
    }

    async fn next_batch(
        &self,
        backup: &Identifier,
        after: u64,
        session: &mut Session,
    ) -> Result<Option<u64>, StoreError> {
        let mut sql = self.site.sql();
        sql.push("SELECT ").text_of("MIN(tokenkeeper_batch)").push(" FROM ");
        self.site.table(&mut sql, backup);
        sql.push(" WHERE ");
        behind(self, after, &mut sql);
        Ok(session.cell(&sql).await?.and_then(|text| text.parse().ok()))
    }

    fn of_batch(&self, batch: u64, sql: &mut Sql) {
        sql.push("tokenkeeper_run = ").bind(Bind::Text(self.run.clone()));
        sql.push(" AND tokenkeeper_batch = ");
        sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
    }

    /// Reads the rows of a condition behind a chain of others that starts at a batch's rows, and the rows
    /// behind it.
    async fn follow(
        &self,
        chain: &[Link<'_>],
        related: &Related,
        of: (&Identifier, u64),
        beside: &mut Beside,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        let child = self.site.children.iter().find(|held| held.table == related.table);
        let backup = child.filter(|held| held.is_kept()).and_then(Held::backup);
        for source in [Some(related.table.clone()), backup].into_iter().flatten() {
            let chain: Vec<_> = chain.iter().cloned().chain([(related, source)]).collect();
            self.gather(&chain, of, beside, session).await?;
            for nested in related.with.iter().chain(&related.without) {
                Box::pin(self.follow(&chain, nested, of, beside, session)).await?;
            }
        }
        Ok(())
    }

    async fn gather(
        &self,
        chain: &[Link<'_>],
        of: (&Identifier, u64),
        beside: &mut Beside,
        session: &mut Session,
    ) -> Result<(), StoreError> {
        let Some((last, source)) = chain.last() else { return Ok(()) };
        let tables = columns::of_related(self.site.target);
        let Some((_, reads)) = tables.into_iter().find(|(table, _)| *table == last.table) else {
            return Ok(());
        };
        let mut sql = self.site.sql();
        selected(&reads, &mut sql);
        self.site.table(&mut sql, source);
        sql.push(" WHERE ");
        self.chained(chain, of, &mut sql);
        let on: Vec<Identifier> = last.on.keys().cloned().collect();
        let known = beside.entry((last.table.clone(), on.clone())).or_default();
        for texts in session.rows(&sql).await? {
            let row = named(&reads, texts);
            if let Some(key) = key(on.iter(), &row) {
                known.entry(key).or_default().push(row);
            }
        }
        Ok(())
    }

    fn chained(&self, chain: &[Link<'_>], of: (&Identifier, u64), sql: &mut Sql) {
        let Some(((last, source), before)) = chain.split_last() else { return };
        let (theirs, ours): (Vec<_>, Vec<_>) = last.on.iter().unzip();
        let table = before.last().map_or(of.0, |(_, parent)| parent);
        if *source != last.table {
            self.of_batch(of.1, sql);
            sql.push(" AND ");
        }
        sql.push("(");
        columns_of(source, &theirs, sql);
        sql.push(") IN (SELECT ");
        columns_of(table, &ours, sql);
        sql.push(" FROM ");
        self.site.table(sql, table);
        sql.push(" WHERE ");
        if before.is_empty() {
            self.of_batch(of.1, sql);
        } else {
            self.chained(before, of, sql);
        }
        sql.push(")");
    }
}

/// The rows that a condition looks at from this one, and from those.
fn reach(related: &Related, ours: &Row, beside: &Beside, tables: &mut Tables) {
    let on = related.on.keys().cloned().collect();
    let Some(key) = key(related.on.values(), ours) else { return };
    let found = beside.get(&(related.table.clone(), on)).and_then(|rows| rows.get(&key));
    for row in found.into_iter().flatten() {
        tables.entry(related.table.clone()).or_default().push(row.clone());
        for nested in related.with.iter().chain(&related.without) {
            reach(nested, row, beside, tables);
        }
    }
}

fn key<'a>(columns: impl Iterator<Item = &'a Identifier>, row: &Row) -> Option<Vec<String>> {
    columns.map(|column| row.get(column).cloned().flatten()).collect()
}

fn selected(reads: &[Read], sql: &mut Sql) {
    for (at, read) in reads.iter().enumerate() {
        sql.push(if at == 0 { "SELECT " } else { ", " });
        read.render(sql);
    }
    sql.push(" FROM ");
}

fn named(reads: &[Read], texts: Vec<Option<String>>) -> Row {
    reads.iter().map(|read| read.column.clone()).zip(texts).collect()
}
