//! How columns are read for the evaluator in Rust: each as the text that it takes for a time or number.

use super::{
    dialect::Dialect,
    policy::{Column, Encoding, Identifier, Reason, Related, Target, TimeEncoding},
    sql::Sql,
};

/// A column to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub column: Identifier,
    /// How it writes time, where it does.
    pub encoding: Option<TimeEncoding>,
}

/// The columns that a target's rules read of its own rows.
#[must_use]
pub fn of_target(target: &Target) -> Vec<Read> {
    let read = |(name, column): (&Identifier, &Column)| Read {
        column: name.clone(),
        encoding: match column {
            Column::Time(of) => Some(of.time.clone()),
            _ => None,
        },
    };
    target.columns.iter().map(read).collect()
}

/// The tables that a target's rules look at beside its own rows, and the columns that they read there.
#[must_use]
pub fn of_related(target: &Target) -> Vec<(Identifier, Vec<Read>)> {
    let mut tables = Vec::new();
    let all =
        |reason: &Reason| reason.with.iter().chain(&reason.without).cloned().collect::<Vec<_>>();
    for related in target.reasons.iter().flat_map(all) {
        add(&related, &mut tables);
    }
    tables
}

/// Whether rules look at a column, of the target or of a row beside it.
#[must_use]
pub fn is_read(target: &Target, table: &Identifier, name: &str) -> bool {
    let same = |column: &Identifier| column.as_str().eq_ignore_ascii_case(name);
    let related = of_related(target);
    let beside = related.iter().filter(|(of, _)| of == table).flat_map(|(_, reads)| reads);
    let mut beside = beside.map(|read| &read.column);
    *table == target.table && target.columns.keys().any(same) || beside.any(same)
}

fn add(related: &Related, tables: &mut Vec<(Identifier, Vec<Read>)>) {
    let at = tables.iter().position(|(table, _)| *table == related.table).unwrap_or_else(|| {
        tables.push((related.table.clone(), Vec::new()));
        tables.len() - 1
    });
    let plain = |column: &Identifier| Read { column: column.clone(), encoding: None };
    let names = related.on.keys().chain(related.after.keys()).chain(related.equals.keys());
    let mut reads: Vec<_> = names.map(plain).collect();
    let nested = related.with.iter().chain(&related.without);
    // A row further in is compared with columns of this one.
    reads.extend(
        nested.clone().flat_map(|each| each.on.values().chain(each.after.values()).map(plain)),
    );
    reads.extend(related.past.iter().map(|(column, encoding)| Read {
        column: column.clone(),
        encoding: Some(encoding.clone()),
    }));
    for read in reads {
        let known = &mut tables[at].1;
        match known.iter_mut().find(|known| known.column == read.column) {
            Some(known) if known.encoding.is_none() => known.encoding = read.encoding,
            Some(_) => {}
            None => known.push(read),
        }
    }
    nested.for_each(|each| add(each, tables));
}

impl Read {
    /// Adds the column, as text, to a statement that selects from the table.
    pub fn render(&self, sql: &mut Sql) {
        let encoding = self.encoding.as_ref().map(|of| of.on(sql.dialect()));
        let (before, after) = match (sql.dialect(), encoding) {
            // Its text would be the session's wall clock, which is no instant in the hour that comes twice.
            (Dialect::MySql, Some(Encoding::Timestamptz)) => ("CAST(UNIX_TIMESTAMP(", ") AS CHAR)"),
            (Dialect::MySql, _) => ("CAST(", " AS CHAR)"),
            (Dialect::SqlServer, _) => ("CONVERT(nvarchar(max), ", ", 121)"),
            (Dialect::Oracle, _) => ("TO_CHAR(", ")"),
            _ => ("CAST(", " AS text)"),
        };
        sql.push(before).name(&self.column).push(after);
    }
}
