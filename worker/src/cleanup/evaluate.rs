//! Which rows may go, judged in Rust over values that were read: the second opinion on what `predicate`
//! says in SQL. It shares the policies with that, and the database's clock, and nothing else.

mod time;

use std::{collections::BTreeMap, time::Duration};

use self::time::Stored;
use super::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{
        Column, Encoding, Expiry, Family, Identifier, Reason, Related, Target, TimeEncoding, Value,
    },
};

/// A row: the text of each column, as `columns` has it read.
pub type Row = BTreeMap<Identifier, Option<String>>;

/// The rows of the tables that conditions look at, by table.
pub type Tables = BTreeMap<Identifier, Vec<Row>>;

/// What rows are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Evaluator<'a> {
    /// Where the rows were read.
    pub dialect: Dialect,
    /// The run's clock.
    pub clock: DatabaseClock,
    /// What lies beside the rows.
    pub tables: &'a Tables,
}

impl Evaluator<'_> {
    /// The first reason for which a row of the target may go; `None`: it stays.
    #[must_use]
    pub fn reason<'t>(&self, target: &'t Target, row: &Row) -> Option<&'t Reason> {
        target.reasons.iter().find(|reason| self.holds(target, reason, row))
    }

    /// Whether a row may go for that reason.
    #[must_use]
    pub fn holds(&self, target: &Target, reason: &Reason, row: &Row) -> bool {
        let grace = target.grace(reason);
        let in_state = match &target.state {
            Some(state) if !reason.states.is_empty() => is_one_of(text(row, state), &reason.states),
            _ => true,
        };
        let equals =
            |(column, values): (&Identifier, &Vec<Value>)| is_one_of(text(row, column), values);
        let exists = |related: &Related| self.exists(related, row, grace);
        in_state
            && reason.equals.iter().all(equals)
            && reason.absent.iter().all(|column| is_absent(target, row, column))
            && self.is_over(target, reason, row, grace)
            && reason.with.iter().all(exists)
            && !reason.without.iter().any(exists)
    }

    /// Whether all that the reason names has ended, and something had begun.
    fn is_over(&self, target: &Target, reason: &Reason, row: &Row, grace: Duration) -> bool {
        let expiries: Vec<_> = reason.past.iter().map(|name| target.expiries.get(name)).collect();
        let there =
            |expiry: &Expiry| expiry.token.as_ref().is_none_or(|of| !is_absent(target, row, of));
        let mut lived = expiries.is_empty();
        for expiry in expiries {
            let Some(expiry) = expiry else { return false };
            if there(expiry) {
                if !self.has_ended(target, expiry, row, grace) {
                    return false;
                }
                lived = true;
            }
        }
        lived
    }

    fn has_ended(&self, target: &Target, expiry: &Expiry, row: &Row, grace: Duration) -> bool {
        let Some(Column::Time(column)) = target.columns.get(&expiry.at) else { return false };
        let Some(stored) = self.read(row, &expiry.at, &column.time) else { return false };
        let age = stored.age(&self.clock.cut(grace));
        let Some(duration) = &expiry.duration else { return age > 0 };
        let Some(Column::Duration(of)) = target.columns.get(duration) else { return false };
        let length = text(row, duration).and_then(|text| text.parse::<i64>().ok());
        let ends =
            length.filter(|length| *length >= 0 && of.never_from.is_none_or(|n| *length < n));
        ends.is_some_and(|length| i128::from(length) < time::in_units(age, of.duration))
    }

    fn read(&self, row: &Row, column: &Identifier, encoding: &TimeEncoding) -> Option<Stored> {
        Stored::read(text(row, column)?, encoding.on(self.dialect), self.dialect)
    }

    fn exists(&self, related: &Related, ours: &Row, grace: Duration) -> bool {
        let rows = self.tables.get(&related.table).map_or(&[][..], Vec::as_slice);
        rows.iter().any(|theirs| self.is_related(related, theirs, ours, grace))
    }

    fn is_related(&self, related: &Related, theirs: &Row, ours: &Row, grace: Duration) -> bool {
        let same = |(their, our): (&Identifier, &Identifier)| {
            text(theirs, their).is_some() && text(theirs, their) == text(ours, our)
        };
        let greater = |(their, our): (&Identifier, &Identifier)| {
            let number = |row, column| text(row, column).and_then(|text| text.parse::<i64>().ok());
            number(theirs, their).zip(number(ours, our)).is_some_and(|(their, our)| their > our)
        };
        let past = |(column, encoding): (&Identifier, &TimeEncoding)| {
            let stored = self.read(theirs, column, encoding);
            stored.is_some_and(|stored| stored.age(&self.clock.cut(grace)) > 0)
        };
        related.on.iter().all(same)
            && related.after.iter().all(greater)
            && related.equals.iter().all(|(column, of)| is_one_of(text(theirs, column), of))
            && related.past.iter().all(past)
            && related.with.iter().all(|each| self.exists(each, theirs, grace))
            && !related.without.iter().any(|each| self.exists(each, theirs, grace))
    }
}

/// By how many minutes a stored time lies after the database's; `None` where it is no time.
#[must_use]
pub fn ahead(
    text: &str,
    encoding: Encoding,
    dialect: Dialect,
    clock: &DatabaseClock,
) -> Option<i64> {
    let age = Stored::read(text, encoding, dialect)?.age(&clock.cut(Duration::ZERO));
    i64::try_from(-age / 60_000_000_000).ok()
}

fn text<'r>(row: &'r Row, column: &Identifier) -> Option<&'r str> {
    row.get(column).and_then(Option::as_deref)
}

/// '' says so only of a text: in bytes it may be a value.
fn is_absent(target: &Target, row: &Row, column: &Identifier) -> bool {
    let is_text = matches!(target.columns.get(column), Some(Column::Plain(Family::Text)));
    text(row, column).is_none_or(|text| is_text && text.is_empty())
}

fn is_one_of(text: Option<&str>, values: &[Value]) -> bool {
    let Some(text) = text else { return false };
    values.iter().any(|value| match value {
        Value::Text(value) => text == value,
        Value::Int(value) => text.parse() == Ok(*value),
        Value::Bool(true) => matches!(text, "1" | "t" | "true"),
        Value::Bool(false) => matches!(text, "0" | "f" | "false"),
    })
}

#[cfg(test)]
mod tests;
