//! The way over a table: windows one after the other, each behind the last, so that nothing is looked at
//! twice in a pass. By pages on PostgreSQL, by the primary key elsewhere.

use serde::{Deserialize, Serialize};

use super::{
    policy::Identifier,
    sql::{Bind, Sql},
};

/// How a table is walked over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walk {
    /// By the places of rows, up to the page that was the last when the pass began.
    Places {
        /// How many pages.
        pages: u64,
    },
    /// By the key.
    Keys(Vec<KeyColumn>),
}

/// A column of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: Identifier,
    /// What it holds.
    pub kind: KeyKind,
}

/// How a key's value is read and bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// As a whole number.
    Integer,
    /// As text.
    Text,
    /// As bytes in hexadecimal digits.
    Bytes,
}

/// Where a walk is: behind the row with this place or key, or at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Position(pub Option<Vec<String>>);

/// What a batch looks at: what lies behind the first position, up to and with the second, or to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Behind this.
    pub after: Position,
    /// With this.
    pub upto: Option<Position>,
}

impl Position {
    /// A place of PostgreSQL's, counted through: page × 65,536 + row.
    #[must_use]
    pub fn place(number: u64) -> Self {
        Self(Some(vec![number.to_string()]))
    }

    /// The same back again; 0 at the beginning.
    #[must_use]
    pub fn as_place(&self) -> u64 {
        let first = self.0.as_ref().and_then(|values| values.first());
        first.and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

/// A place as PostgreSQL writes it.
#[must_use]
pub fn tid(place: u64) -> String {
    format!("({},{})", place / ROWS_IN_PAGE, place % ROWS_IN_PAGE)
}

/// Adds that a row, by its table's name, lies behind the key (`>`), or not behind it (`<=`).
pub fn compare(
    table: &Identifier,
    keys: &[KeyColumn],
    values: &[String],
    is_behind: bool,
    sql: &mut Sql,
) {
    let Some(((key, value), more)) = split(keys, values) else { return };
    let column = |sql: &mut Sql| {
        sql.name(table).push(".").name(&key.name);
    };
    let is_last = more.0.is_empty();
    sql.push("(");
    column(sql);
    sql.push(match (is_behind, is_last) {
        (true, true) => " > ",
        (true, false) => " >= ",
        (false, _) => " <= ",
    });
    bind(key.kind, value, sql);
    if !is_last {
        // The first half is for an index; the second says it exactly.
        sql.push(" AND (");
        column(sql);
        sql.push(if is_behind { " > " } else { " < " });
        bind(key.kind, value, sql);
        sql.push(" OR ");
        compare(table, more.0, more.1, is_behind, sql);
        sql.push(")");
    }
    sql.push(")");
}

type Rest<'a> = (&'a [KeyColumn], &'a [String]);

fn split<'a>(
    keys: &'a [KeyColumn],
    values: &'a [String],
) -> Option<((&'a KeyColumn, &'a String), Rest<'a>)> {
    let (key, keys) = keys.split_first()?;
    let (value, values) = values.split_first()?;
    Some(((key, value), (keys, values)))
}

fn bind(kind: KeyKind, value: &str, sql: &mut Sql) {
    match (kind, value.parse()) {
        (KeyKind::Integer, Ok(number)) => sql.bind(Bind::Int(number)),
        (KeyKind::Bytes, _) => sql.push("UNHEX(").bind(Bind::Text(value.to_owned())).push(")"),
        _ => sql.bind(Bind::Text(value.to_owned())),
    };
}

/// Adds a key's column, as a text that [`compare`] takes.
pub fn read(table: &Identifier, key: &KeyColumn, sql: &mut Sql) {
    let is_bytes = key.kind == KeyKind::Bytes;
    sql.push(if is_bytes { "HEX(" } else { "CAST(" }).name(table).push(".").name(&key.name);
    sql.push(match (is_bytes, sql.dialect()) {
        (true, _) => ")",
        (false, super::dialect::Dialect::MySql) => " AS CHAR)",
        (false, _) => " AS text)",
    });
}

/// PostgreSQL numbers the rows of a page in 16 bits.
pub const ROWS_IN_PAGE: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::{dialect::Dialect, policy::Case};

    #[test]
    fn keys_of_several_columns_are_compared_column_by_column() {
        let key = |name: &str, kind| KeyColumn { name: name.parse().unwrap(), kind };
        let keys = [key("a", KeyKind::Text), key("b", KeyKind::Integer)];
        let mut sql = Sql::new(Dialect::MySql, Case::Exact);
        compare(&"t".parse().unwrap(), &keys, &["x".to_owned(), "7".to_owned()], true, &mut sql);
        assert_eq!(sql.text(), "(`t`.`a` >= ? AND (`t`.`a` > ? OR (`t`.`b` > ?)))");
        let text = Bind::Text("x".to_owned());
        assert_eq!(sql.binds(), [text.clone(), text, Bind::Int(7)]);
    }

    #[test]
    fn a_place_is_counted_through_the_pages() {
        assert_eq!(tid(Position::place(3 * ROWS_IN_PAGE + 7).as_place()), "(3,7)");
        assert_eq!(Position::default().as_place(), 0);
    }
}
