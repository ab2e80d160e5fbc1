//! The windows of the walk as SQL.

use tokenkeeper_shared::store::StoreError;

use super::{Engine, postgres};
use crate::cleanup::{
    database::{Session, Texts},
    sql::{Bind, Sql},
    walk::{self, Position, Walk, Window},
};

impl Engine<'_> {
    /// The next window; `None`: the walk is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn window(
        &self,
        after: &Position,
        size: u64,
        session: &mut Session,
    ) -> Result<Option<Window>, StoreError> {
        match &self.walk {
            Walk::Places { pages } => Ok(postgres::window(after, size, *pages)),
            Walk::Keys(keys) => {
                let table = &self.site.target.table;
                let mut sql = self.site.sql();
                for (at, key) in keys.iter().enumerate() {
                    sql.push(if at == 0 { "SELECT " } else { ", " });
                    walk::read(table, key, &mut sql);
                }
                sql.push(" FROM ");
                self.site.table(&mut sql, table);
                sql.push(" WHERE ");
                self.within(&Window { after: after.clone(), upto: None }, &mut sql);
                for (at, key) in keys.iter().enumerate() {
                    sql.push(if at == 0 { " ORDER BY " } else { ", " }).name(table);
                    sql.push(".").name(&key.name);
                }
                let offset = i64::try_from(size.saturating_sub(1)).unwrap_or(i64::MAX);
                sql.push(" LIMIT 1 OFFSET ").bind(Bind::Int(offset));
                let last = session.rows(&sql).await?.into_iter().next();
                let values = |row: Texts| row.into_iter().flatten().collect();
                let upto = last.map(|row| Position(Some(values(row))));
                Ok(Some(Window { after: after.clone(), upto }))
            }
        }
    }

    /// Adds the condition on the rows to pick.
    pub(super) fn wanted(&self, window: &Window, most: u64, sql: &mut Sql) {
        sql.push(" WHERE ");
        self.within(window, sql);
        sql.push(" AND ");
        self.site.doomed(sql);
        sql.push(" LIMIT ").number(i64::try_from(most).unwrap_or(i64::MAX));
    }

    /// Adds that a row of the target lies in the window.
    pub(super) fn within(&self, window: &Window, sql: &mut Sql) {
        let table = &self.site.target.table;
        let ends = [(Some(&window.after), true), (window.upto.as_ref(), false)];
        sql.push("1 = 1");
        for (position, is_behind) in ends {
            let Some(values) = position.and_then(|position| position.0.as_ref()) else { continue };
            sql.push(" AND ");
            match &self.walk {
                Walk::Keys(keys) => walk::compare(table, keys, values, is_behind, sql),
                Walk::Places { .. } => {
                    let place = Position(Some(values.clone())).as_place();
                    sql.name(table).push(if is_behind { ".ctid > " } else { ".ctid <= " });
                    sql.push("CAST(").bind(Bind::Text(walk::tid(place))).push(" AS tid)");
                }
            }
        }
    }
}

/// A window that holds but one row: what fails there is that row's fault.
#[must_use]
pub fn is_single(window: &Window, size: u64) -> bool {
    let Some(upto) = &window.upto else { return size == 1 };
    size == 1 || upto.as_place().saturating_sub(window.after.as_place()) == 1 && size < 256
}
