//! The tables of a procedure, numbered, and how their names are put into its text.

use std::cell::Cell;

use super::{Job, Part, shape::Table};
use crate::cleanup::{
    policy::Identifier,
    sql::{Bind, Sql},
};

/// What a template is filled for: a table of a target, and its number among all.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) part: &'a Part<'a>,
    pub(super) target: usize,
    pub(super) table: &'a Table<'a>,
    pub(super) number: usize,
}

/// The target's own table before its children.
pub(super) fn places<'a>(job: &'a Job<'a>, parts: &'a [Part<'a>]) -> Vec<Place<'a>> {
    let next = Cell::new(0);
    let all = parts.iter().enumerate().flat_map(|(target, part)| {
        let next = &next;
        std::iter::once(&part.own).chain(&part.children).map(move |table| {
            next.set(next.get() + 1);
            Place { job, part, target, table, number: next.get() }
        })
    });
    all.collect()
}

/// A target's tables as rows are brought back: parents first, orphans last.
pub(super) fn told<'a>(places: &[Place<'a>], target: usize) -> Vec<Place<'a>> {
    let of = places.iter().filter(|place| place.target == target).copied();
    let (own, children): (Vec<_>, Vec<_>) = of.partition(|place| place.table.path.is_empty());
    let (orphaned, children): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|place| place.table.is_orphaned());
    own.into_iter().chain(children.into_iter().rev()).chain(orphaned).collect()
}

pub(super) fn text(text: &str, sql: &mut Sql) {
    sql.bind(Bind::Text(text.to_owned()));
}

pub(super) fn spelled(name: &Identifier, sql: &mut Sql) {
    let (dialect, case) = (sql.dialect(), sql.case());
    text(&name.spelled(dialect, case), sql);
}

pub(super) fn number(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
