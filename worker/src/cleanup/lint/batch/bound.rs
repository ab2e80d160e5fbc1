//! The bound of a DELETE: by its own words, by a window of keys, or by the table that its keys lie in.

use sqlparser::{
    ast::{BinaryOperator, Expr, Value},
    tokenizer::{Token, TokenWithSpan},
};

use crate::cleanup::lint::{
    condition::{Literal, ways},
    statement::Statement,
    unit::Unit,
    variables::Variables,
    words::{LONGEST, Name, end_of, is, is_any, is_sign, number, word},
    zone::times,
};

/// How many rows a DELETE takes at most.
pub(super) enum Bound {
    None,
    Unknown,
    Rows(u64),
}

pub(super) fn bound(
    statement: &Statement<'_>,
    others: impl Iterator<Item = Name>,
    units: &[Unit],
    variables: &Variables,
) -> Bound {
    if let Some(bound) = limited(statement.tokens(), variables) {
        return bound;
    }
    let tokens = &statement.unit.tokens;
    let before = statement.range.start.saturating_sub(LONGEST)..statement.range.start;
    let is_held = |at: usize| is(tokens, at, "SET") && is(tokens, at + 1, "ROWCOUNT");
    if before.into_iter().any(is_held) || is_window(statement) {
        return Bound::Unknown;
    }
    let mut bounds = others.map(|name| filled(&name, units, variables));
    bounds.find(|bound| !matches!(bound, Bound::None)).unwrap_or(Bound::None)
}

/// LIMIT, TOP, FETCH FIRST or ROWNUM, with their number.
fn limited(tokens: &[TokenWithSpan], variables: &Variables) -> Option<Bound> {
    for at in 0..tokens.len() {
        let behind = match word(tokens, at).map(str::to_ascii_uppercase).as_deref() {
            Some("LIMIT") => at + 1,
            Some("TOP") => at + 1 + usize::from(is_sign(tokens, at + 1, &Token::LParen)),
            Some("FETCH") if is_any(tokens, at + 1, &["FIRST", "NEXT"]) => at + 2,
            Some("ROWNUM") => at + 2,
            Some("CURRENT") if is(tokens, at + 1, "OF") => return Some(Bound::Unknown),
            _ => continue,
        };
        let of_variable = || {
            let values = word(tokens, behind).map_or(&[][..], |name| variables.values(name));
            values.iter().filter_map(whole).max()
        };
        return Some(
            number(tokens, behind).or_else(of_variable).map_or(Bound::Unknown, Bound::Rows),
        );
    }
    None
}

fn whole(value: &Expr) -> Option<u64> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// The tables beside its own in which a DELETE's rows must be: they may hold the keys of a batch.
pub(super) fn others<'a>(statement: &'a Statement<'_>) -> impl Iterator<Item = Name> + 'a {
    let tokens = statement.tokens();
    let own = statement.name.last();
    (1..tokens.len())
        .filter(|at| {
            is_any(tokens, *at, &["FROM", "JOIN", "USING", "IN"]) && !is_spared(tokens, *at)
        })
        .filter_map(|at| Name::read(tokens, at + 1))
        .filter(move |name| !name.last().eq_ignore_ascii_case(own))
}

/// Whether a place lies in a NOT IN or NOT EXISTS.
fn is_spared(tokens: &[TokenWithSpan], place: usize) -> bool {
    let mut depth = 0_i32;
    for at in (1..place).rev() {
        match tokens[at].token {
            Token::RParen => depth += 1,
            Token::LParen if depth > 0 => depth -= 1,
            Token::LParen => {
                let before = at.saturating_sub(2);
                return is_any(tokens, at - 1, &["IN", "EXISTS"]) && is(tokens, before, "NOT");
            }
            _ => {}
        }
    }
    false
}

/// The bound of what a table was filled with; not known where the page does not fill it.
fn filled(name: &Name, units: &[Unit], variables: &Variables) -> Bound {
    let mut bound = Bound::Unknown;
    for unit in units {
        let tokens = &unit.tokens;
        for at in 0..tokens.len() {
            let fills = is_any(tokens, at, &["INTO", "TABLE", "EXISTS"])
                && Name::read(tokens, at + 1)
                    .is_some_and(|of| of.last().eq_ignore_ascii_case(name.last()));
            let near = at + 1..tokens.len().min(at + 40);
            let end =
                near.clone().find(|at| is_sign(tokens, *at, &Token::SemiColon)).unwrap_or(near.end);
            let back =
                (0..=at).rev().take(30).take_while(|at| tokens[*at].token != Token::SemiColon);
            let select = (at + 1..end).chain(back).find(|at| is(tokens, *at, "SELECT"));
            if let Some(select) = select.filter(|_| fills) {
                match limited(&tokens[select..end_of(tokens, select)], variables) {
                    Some(limited) => return limited,
                    None => bound = Bound::None,
                }
            }
        }
    }
    bound
}

/// A window of keys: BETWEEN, or above one and below another; of places on PostgreSQL.
fn is_window(statement: &Statement<'_>) -> bool {
    let Some(ways) = statement.tree.as_ref().and_then(ways) else { return false };
    let is_key =
        |expression: &Expr| times(expression, &statement.table, statement.dialect()).is_empty();
    let holds = |way: &Vec<Literal<'_>>| {
        let mut above = Vec::new();
        let mut below = Vec::new();
        for literal in way {
            match literal.expression {
                Expr::Between { expr, negated: false, .. } if is_key(expr) => return true,
                Expr::BinaryOp { left, op: BinaryOperator::Gt | BinaryOperator::GtEq, .. }
                    if is_key(left) =>
                {
                    above.push(left.to_string());
                }
                Expr::BinaryOp { left, op: BinaryOperator::Lt | BinaryOperator::LtEq, .. }
                    if is_key(left) =>
                {
                    below.push(left.to_string());
                }
                _ => {}
            }
        }
        above.iter().any(|name| below.contains(name))
    };
    ways.iter().all(holds)
}
