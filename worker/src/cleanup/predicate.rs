//! Which rows may go, as a tree without any database's SQL in it. It is built from a policy; `render`
//! turns it into SQL. What its parts mean is said a second time, in Rust, by `evaluate`.

mod millis;
mod render;
mod time;

use std::time::Duration;

pub use self::render::reason_name;
use super::policy::{
    Column, Expiry, Identifier, Length, Reason, Related, Target, TimeEncoding, Value,
};

/// A condition on a row of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// All hold; none at all: true.
    All(Vec<Self>),
    /// One holds; none at all: false.
    Any(Vec<Self>),
    /// The column has one of the values.
    In(ColumnRef, Vec<Value>),
    /// The column is NULL, or, being a text, ''.
    Absent(ColumnRef, IsText),
    /// The column is neither NULL nor ''.
    Present(ColumnRef, IsText),
    /// The instant in the column lies between 1970 and the cut-off.
    Past(Instant),
    /// A life that began at the instant has lasted longer than its length; never, where that is NULL,
    /// negative or `never_from`.
    Elapsed {
        /// The beginning.
        from: Instant,
        /// The column with the length.
        length: ColumnRef,
        /// What that counts.
        unit: Length,
        /// From here on it means "never".
        never_from: Option<i64>,
    },
    /// Two columns are equal.
    Equal(ColumnRef, ColumnRef),
    /// The first whole number is the greater one.
    Greater(ColumnRef, ColumnRef),
    /// A row of the table is there, `depth` subqueries deep, for which the condition holds.
    Exists {
        /// Its schema.
        schema: Option<Identifier>,
        /// Its table.
        table: Identifier,
        /// How deep.
        depth: usize,
        /// What holds for it.
        matching: Box<Self>,
        /// Turned round: no such row is there.
        negated: bool,
    },
}

/// A column of the target's row (depth 0, with the table's name), or of a related one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRef {
    /// How many subqueries deep the row is.
    pub depth: usize,
    /// The target's table.
    pub table: Identifier,
    /// The column.
    pub column: Identifier,
}

/// Whether a column is known to hold text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsText(pub bool);

/// A column with an instant, and how long ago that must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    /// The column.
    pub column: ColumnRef,
    /// How it is written.
    pub encoding: TimeEncoding,
    /// How long before the database's time the cut-off lies.
    pub grace: Duration,
}

/// The rows of a target that may go, for whichever reason.
#[must_use]
pub fn doomed(target: &Target) -> Predicate {
    Predicate::Any(target.reasons.iter().map(|reason| because(target, reason)).collect())
}

/// The rows of a target that may go for one reason. A row counts under the first that holds.
#[must_use]
pub fn because(target: &Target, reason: &Reason) -> Predicate {
    let row = Row { target, grace: target.grace(reason), depth: 0 };
    let states = target.state.iter().filter(|_| !reason.states.is_empty());
    let mut all: Vec<_> =
        states.map(|state| Predicate::In(row.column(state), reason.states.clone())).collect();
    let equals = reason.equals.iter();
    all.extend(equals.map(|(column, values)| Predicate::In(row.column(column), values.clone())));
    all.extend(reason.absent.iter().map(|column| row.absent(column)));
    let expiries: Vec<_> =
        reason.past.iter().filter_map(|name| target.expiries.get(name)).collect();
    all.extend(expiries.iter().map(|expiry| row.past_or_absent(expiry)));
    // A row whose tokens are all absent has not ended; it has not begun.
    if !expiries.is_empty() && expiries.iter().all(|expiry| expiry.token.is_some()) {
        let present = expiries.iter().filter_map(|expiry| expiry.token.as_ref());
        all.push(Predicate::Any(present.map(|token| row.present(token)).collect()));
    }
    all.extend(reason.with.iter().map(|related| row.exists(related, false)));
    all.extend(reason.without.iter().map(|related| row.exists(related, true)));
    Predicate::All(all)
}

/// Where columns are looked for.
#[derive(Clone, Copy)]
struct Row<'a> {
    target: &'a Target,
    grace: Duration,
    depth: usize,
}

impl Row<'_> {
    fn column(&self, column: &Identifier) -> ColumnRef {
        let table = self.target.table.clone();
        ColumnRef { depth: self.depth, table, column: column.clone() }
    }

    fn is_text(&self, column: &Identifier) -> IsText {
        use super::policy::Family;
        IsText(matches!(self.target.columns.get(column), Some(Column::Plain(Family::Text))))
    }

    fn absent(&self, column: &Identifier) -> Predicate {
        Predicate::Absent(self.column(column), self.is_text(column))
    }

    fn present(&self, column: &Identifier) -> Predicate {
        Predicate::Present(self.column(column), self.is_text(column))
    }

    fn past_or_absent(&self, expiry: &Expiry) -> Predicate {
        let past = self.past(expiry);
        match &expiry.token {
            Some(token) => Predicate::Any(vec![self.absent(token), past]),
            None => past,
        }
    }

    fn past(&self, expiry: &Expiry) -> Predicate {
        let Some(Column::Time(time)) = self.target.columns.get(&expiry.at) else {
            return Predicate::Any(Vec::new());
        };
        let from = self.instant(&expiry.at, &time.time);
        let Some(length) = &expiry.duration else { return Predicate::Past(from) };
        let Some(Column::Duration(of)) = self.target.columns.get(length) else {
            return Predicate::Any(Vec::new());
        };
        let length = self.column(length);
        Predicate::Elapsed { from, length, unit: of.duration, never_from: of.never_from }
    }

    fn instant(&self, column: &Identifier, encoding: &TimeEncoding) -> Instant {
        Instant { column: self.column(column), encoding: encoding.clone(), grace: self.grace }
    }

    fn exists(&self, related: &Related, negated: bool) -> Predicate {
        let inner = Self { depth: self.depth + 1, ..*self };
        let pairs = |pairs: &std::collections::BTreeMap<Identifier, Identifier>| {
            let refs = pairs.iter().map(|(theirs, ours)| (inner.column(theirs), self.column(ours)));
            refs.collect::<Vec<_>>()
        };
        let mut all: Vec<_> =
            pairs(&related.on).into_iter().map(|(a, b)| Predicate::Equal(a, b)).collect();
        all.extend(pairs(&related.after).into_iter().map(|(a, b)| Predicate::Greater(a, b)));
        let equals = related.equals.iter();
        all.extend(equals.map(|(column, of)| Predicate::In(inner.column(column), of.clone())));
        let past = related.past.iter();
        all.extend(past.map(|(column, of)| Predicate::Past(inner.instant(column, of))));
        all.extend(related.with.iter().map(|each| inner.exists(each, false)));
        all.extend(related.without.iter().map(|each| inner.exists(each, true)));
        Predicate::Exists {
            schema: self.target.schema.clone(),
            table: related.table.clone(),
            depth: inner.depth,
            matching: Box::new(Predicate::All(all)),
            negated,
        }
    }
}

#[cfg(test)]
mod tests;
