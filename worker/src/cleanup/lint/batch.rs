//! How many rows go at once: all, too many, every one there is.

mod bound;

use sqlparser::ast::{BinaryOperator, Expr};

use self::bound::{Bound, bound, others};
use super::{
    Findings,
    condition::{Literal, ways},
    finding::{Code, Finding},
    statement::Statement,
    tables::Tables,
    unit::Unit,
    variables::Variables,
    words::Name,
};
use crate::cleanup::dialect::Dialect;

/// What there is to say about the number of rows of a DELETE.
pub(super) fn check(
    statement: &Statement<'_>,
    tables: &Tables<'_>,
    units: &[Unit],
    variables: &Variables,
    findings: &mut Findings,
) {
    if !statement.is_delete {
        return;
    }
    let is_plain =
        |name: &Name| tables.find(name.last()).is_none_or(|table| table.target().is_none());
    let others = others(statement).filter(is_plain);
    let bound = bound(statement, others, units, variables);
    if statement.condition.is_none() && matches!(bound, Bound::None) {
        findings.add(every_row(statement));
        return;
    }
    match bound {
        Bound::None if !is_by_key(statement) => findings.add(unbounded(statement)),
        Bound::Rows(rows) if rows > most(statement.dialect()) => {
            findings.add(large(statement, rows));
        }
        _ => {}
    }
}

/// Whether a key or another value picks a row: no clean-up.
fn is_by_key(statement: &Statement<'_>) -> bool {
    let Some(ways) = statement.tree.as_ref().and_then(ways) else { return false };
    let state = statement.table.target().and_then(|target| target.state.as_ref());
    let is_state = |name: &str| {
        state.is_some_and(|state| name.eq_ignore_ascii_case(state.as_str()))
            || STATES.iter().any(|word| name.to_ascii_lowercase().contains(word))
    };
    let picks = |literal: &Literal<'_>| match literal.expression {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if !literal.is_negated => {
            let name = left.to_string();
            matches!(**left, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                && !is_state(name.rsplit('.').next().unwrap_or_default())
                && !matches!(**right, Expr::Subquery(_) | Expr::Function(_))
        }
        Expr::InList { negated: false, expr, .. } => !is_state(&expr.to_string()),
        Expr::AnyOp { right, .. } => !right.to_string().to_ascii_uppercase().contains("SELECT"),
        _ => false,
    };
    ways.iter().all(|way| way.iter().any(picks))
}

fn every_row(statement: &Statement<'_>) -> Finding {
    let table = statement.table_name();
    Finding::new(Code::EveryRow, statement.at(), format!("DELETE of {table} without WHERE"))
        .why("every row goes, those of live tokens and of codes and sessions in use too")
        .mended(format!(
            "DELETE FROM {table} WHERE … its own end … < {}",
            super::zone::utc(statement.dialect())
        ))
}

fn unbounded(statement: &Statement<'_>) -> Finding {
    let what = format!("one DELETE takes all dead rows of {}", statement.table_name());
    Finding::new(Code::UnboundedDelete, statement.at(), what)
        .why("after a pause, or in the first run, that is millions of rows in one transaction: their locks stop logins, the log and the replicas swell, and a timeout undoes all of it, each time anew")
        .mended(batched(statement))
}

fn large(statement: &Statement<'_>, rows: u64) -> Finding {
    let what = format!("a batch takes {rows} rows of {}", statement.table_name());
    let why = if statement.dialect() == Some(Dialect::SqlServer) {
        "from 5,000 locks in a statement SQL Server locks the whole table instead of rows: no token is issued or looked up until the batch ends"
    } else {
        "the locks of a batch last until it is committed, and replicas apply it whole: above some 20,000 rows that is seconds in which others wait"
    };
    Finding::new(Code::LargeBatch, statement.at(), what).why(why).mended(batched(statement))
}

fn most(dialect: Option<Dialect>) -> u64 {
    if dialect == Some(Dialect::SqlServer) { ESCALATION } else { MOST }
}

/// The statement as one of batches.
fn batched(statement: &Statement<'_>) -> String {
    let (table, condition) = (statement.table_name(), statement.condition_text());
    match statement.dialect() {
        Some(Dialect::Postgres) => format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE {condition} LIMIT 1000 FOR UPDATE SKIP LOCKED)); -- and COMMIT, until it deletes none"
        ),
        Some(Dialect::SqlServer) => format!(
            "WHILE 1 = 1 BEGIN DELETE TOP (1000) FROM {table} WHERE {condition}; IF @@ROWCOUNT < 1000 BREAK; END"
        ),
        Some(Dialect::Oracle) => format!(
            "LOOP DELETE FROM {table} WHERE ({condition}) AND ROWNUM <= 1000; EXIT WHEN SQL%ROWCOUNT = 0; COMMIT; END LOOP; COMMIT;"
        ),
        Some(Dialect::MySql) => {
            format!("DELETE FROM {table} WHERE {condition} LIMIT 1000; -- until ROW_COUNT() is 0")
        }
        _ => format!(
            "DELETE FROM {table} WHERE … (SELECT … WHERE {condition} … 1000 rows); -- until it deletes none"
        ),
    }
}

/// SQL Server tries to lock the table from 5,000 locks of a statement on it.
const ESCALATION: u64 = 4_999;
/// A batch of 10,000 takes tenths of a second on the other databases; several times that is felt.
const MOST: u64 = 20_000;
const STATES: [&str; 3] = ["state", "status", "revoked"];
