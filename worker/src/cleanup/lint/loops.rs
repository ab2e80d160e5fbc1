//! Loops of batches that hold all their rows to the end, as nothing in them commits.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{
    Findings,
    finding::{Code, Finding},
    statement::Statement,
    words::{is, is_any, is_sign, place},
};
use crate::cleanup::dialect::Dialect;

/// Loops of batches that are one transaction.
pub(super) fn check(statement: &Statement<'_>, findings: &mut Findings) {
    let tokens = &statement.unit.tokens;
    let start = statement.range.start;
    if !statement.is_delete {
        return;
    }
    let Some((from, to)) = around(tokens, start) else { return };
    let commits = (from..to).any(|at| is_any(tokens, at, &["COMMIT"]));
    let begins = (0..from).any(|at| {
        is(tokens, at, "BEGIN") && is_any(tokens, at + 1, &["TRAN", "TRANSACTION"])
            || is(tokens, at, "START") && is(tokens, at + 1, "TRANSACTION")
    });
    let is_one = match statement.dialect() {
        Some(Dialect::Postgres | Dialect::Oracle) => true,
        _ => begins,
    };
    if is_one && !commits {
        let found = Finding::new(Code::OneTransaction, place(tokens, from), format!(
            "a loop of batches over {} without COMMIT in it", statement.table_name()
        ))
        .why("all batches are one transaction: locks are held, and dead rows kept, until the last; what the loop was for is lost, and an error undoes everything")
        .mended("COMMIT; at the end of the loop's body (on PostgreSQL in a PROCEDURE, or DO, that is called outside of a transaction)");
        findings.add(found);
    }
}

/// The innermost loop around a place.
fn around(tokens: &[TokenWithSpan], place: usize) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    for at in 0..tokens.len() {
        let is_end = is(tokens, at.wrapping_sub(1), "END");
        if is_any(tokens, at, &["LOOP", "WHILE", "REPEAT"]) && !is_end {
            // `WHILE … LOOP` is one.
            let is_same = is(tokens, at, "LOOP")
                && open.last().is_some_and(|from| is_head(tokens, *from, at));
            if !is_same {
                open.push(at);
            }
        } else if is_any(tokens, at, &["LOOP", "WHILE", "REPEAT"]) {
            let from = open.pop()?;
            if from < place && place < at {
                return Some((from, at));
            }
        }
    }
    // Transact-SQL has no END WHILE: to the end of the block, or of the batch.
    open.into_iter()
        .rev()
        .find(|from| *from < place)
        .map(|from| (from, body(tokens, from)))
        .filter(|(_, to)| place < *to)
}

fn is_head(tokens: &[TokenWithSpan], from: usize, to: usize) -> bool {
    is(tokens, from, "WHILE") && !(from..to).any(|at| is_sign(tokens, at, &Token::SemiColon))
}

/// The end of the block behind a WHILE.
fn body(tokens: &[TokenWithSpan], from: usize) -> usize {
    let mut depth = 0_u32;
    for at in from..tokens.len() {
        let is_block = !is_any(tokens, at + 1, &["TRAN", "TRANSACTION"]);
        if is_any(tokens, at, &["BEGIN", "CASE"]) && is_block {
            depth += 1;
        } else if is(tokens, at, "END") {
            if depth <= 1 {
                return at;
            }
            depth -= 1;
        }
    }
    tokens.len()
}
