//! What the statements of one target are made of: its tables as the database has them, the clock of the
//! run, and where deleted rows are kept. Which rows they are about lies in `engine`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Case, Child, Column, Family, Identifier, Target, Treatment},
    predicate,
    sql::{Bind, Sql},
};

/// One target, ready to be cleaned.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// The target.
    pub target: &'a Target,
    /// How the policy's names are spelled.
    pub case: Case,
    /// The database's SQL.
    pub dialect: Dialect,
    /// What the database's clock said at the run's beginning.
    pub clock: DatabaseClock,
    /// The target's own table.
    pub own: Held,
    /// Its children that are there, in the order of the policy.
    pub children: Vec<Held>,
}

/// A table whose rows are deleted.
#[derive(Debug, Clone)]
pub struct Held {
    /// The table.
    pub table: Identifier,
    /// Its columns as the database spells them, and what becomes of them in a backup; none: no backup.
    pub columns: Vec<Kept>,
    /// The steps from this table to the target's: child, its parent, and so on. Empty for the target.
    pub path: Vec<Child>,
}

/// A column in a backup.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its name, as the database spells it.
    pub name: Identifier,
    /// What is kept of it.
    pub treatment: Treatment,
    /// Its type, in the database's words, in lower case.
    pub sql_type: String,
    /// Whether it holds bytes.
    pub is_binary: bool,
}

impl Held {
    /// Whether the rows go after their parents, when none of these is left.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        self.path.first().is_some_and(|child| child.orphaned)
    }

    /// Whether deleted rows are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The columns that are kept, in order.
    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.columns.iter().filter(|column| column.treatment != Treatment::Drop)
    }

    /// Where deleted rows are kept: `None` where the name would be too long.
    #[must_use]
    pub fn backup(&self) -> Option<Identifier> {
        backup_of(&self.table)
    }
}

/// The table in which rows of another one are kept: `None` where its name would be too long.
#[must_use]
pub fn backup_of(table: &Identifier) -> Option<Identifier> {
    format!("{BACKUP}{table}").parse().ok()
}

impl Site<'_> {
    /// An empty statement.
    #[must_use]
    pub fn sql(&self) -> Sql {
        Sql::new(self.dialect, self.case)
    }

    /// Adds a table's name.
    pub fn table(&self, sql: &mut Sql, table: &Identifier) {
        sql.table(self.target.schema.as_ref(), table);
    }

    /// Adds the condition under which a row of the target may go.
    pub fn doomed(&self, sql: &mut Sql) {
        predicate::doomed(self.target).render(sql, &self.clock);
    }

    /// Adds the number of the first reason that holds for a row, as text.
    pub fn reason(&self, sql: &mut Sql) {
        if self.target.reasons.len() == 1 {
            sql.push("'0'");
            return;
        }
        sql.push("CASE");
        for (at, reason) in (0..).zip(&self.target.reasons) {
            sql.push(" WHEN ");
            predicate::because(self.target, reason).render(sql, &self.clock);
            sql.push(" THEN '").number(at).push("'");
        }
        sql.push(" END");
    }

    /// Adds the name of the reason for which a row of the target goes; NULL for a child, which goes
    /// with its parent.
    pub fn reason_name(&self, of: &Held, sql: &mut Sql) {
        if !of.path.is_empty() {
            sql.push("CAST(NULL AS char(1))");
            return;
        }
        predicate::reason_name(self.target, &self.clock, sql);
    }

    /// Adds the name of the reason of that number.
    pub fn reason_of_number(&self, number: &'static str, sql: &mut Sql) {
        sql.push("CASE ").push(number);
        for (at, reason) in (0..).zip(&self.target.reasons) {
            sql.push(" WHEN '").number(at).push("' THEN ").bind(Bind::Text(reason.name.clone()));
        }
        sql.push(" END");
    }

    /// Adds that a row of a child, by its table's name, belongs to the rows of the target that `ours`
    /// selects: it is called with the columns to select.
    pub fn belongs(&self, path: &[Child], sql: &mut Sql, ours: &dyn Fn(&mut Sql, &[&Identifier])) {
        let Some((child, above)) = path.split_first() else { return };
        let (theirs, parents): (Vec<_>, Vec<_>) = child.on.iter().unzip();
        sql.push("(");
        for (at, column) in theirs.iter().enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).name(&child.table).push(".").name(column);
        }
        sql.push(") IN (");
        match above.first() {
            None => ours(sql, &parents),
            Some(parent) => {
                sql.push("SELECT ");
                columns_of(&parent.table, &parents, sql);
                sql.push(" FROM ");
                self.table(sql, &parent.table);
                sql.push(" WHERE ");
                self.belongs(above, sql, ours);
            }
        }
        sql.push(")");
    }

    /// Adds that no row of the target is left that an orphan may belong to.
    pub fn is_left_alone(&self, of: &Held, sql: &mut Sql) {
        let Some(child) = of.path.first() else { return };
        sql.push("NOT EXISTS (SELECT 1 FROM ");
        self.table(sql, &self.target.table);
        sql.push(" left_over WHERE ");
        for (at, (theirs, ours)) in child.on.iter().enumerate() {
            sql.push(if at == 0 { "" } else { " AND " });
            sql.push("left_over.").name(ours).push(" = ").name(&of.table).push(".").name(theirs);
        }
        sql.push(")");
    }
}

/// Adds columns with their table's name.
pub(super) fn columns_of(table: &Identifier, columns: &[&Identifier], sql: &mut Sql) {
    for (at, column) in columns.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).name(table).push(".").name(column);
    }
}

/// What becomes of the columns in backups that a policy calls secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Secrets {
    /// What the policy says of each.
    Policy,
    /// The values are kept, so that rows can be brought back.
    Keep,
    /// Their SHA-256.
    Hash,
    /// They are left out.
    Drop,
}

/// What becomes of a table's column in backups; `is_read` says that rules look at it: then it must be there
/// when deleted rows are judged again.
#[must_use]
pub fn treatment(
    name: &str,
    secrets: (&BTreeMap<Identifier, Treatment>, Secrets),
    is_read: bool,
) -> Treatment {
    let same = |column: &Identifier| column.as_str().eq_ignore_ascii_case(name);
    let said = secrets.0.iter().find(|(column, _)| same(column)).map(|(_, treatment)| *treatment);
    let Some(said) = said else { return Treatment::Keep };
    let wanted = match secrets.1 {
        Secrets::Policy => said,
        Secrets::Keep => Treatment::Keep,
        Secrets::Hash => Treatment::Hash,
        Secrets::Drop => Treatment::Drop,
    };
    match wanted {
        Treatment::Drop if is_read => Treatment::Hash,
        other => other,
    }
}

/// Whether a column's '' means that there is nothing.
#[must_use]
pub fn is_text(target: &Target, name: &Identifier) -> bool {
    let same = |column: &Identifier| column.as_str().eq_ignore_ascii_case(name.as_str());
    let found = target.columns.iter().find(|(column, _)| same(column));
    matches!(found, Some((_, Column::Plain(Family::Text))))
}

const BACKUP: &str = "tokenkeeper_backup_";
