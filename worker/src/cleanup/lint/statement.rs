//! The statements that decide which rows of a token table go: each DELETE, and the SELECTs that pick its rows.

use std::ops::Range;

use sqlparser::{
    ast::Expr,
    tokenizer::{Location, Token, TokenWithSpan},
};

use super::{
    condition,
    tables::{Table, Tables, is_copy},
    unit::Unit,
    words::{Name, end_of, is, is_any, is_sign, place, shown},
};
use crate::cleanup::dialect::Dialect;

/// A statement about a token table.
pub(super) struct Statement<'a> {
    pub unit: &'a Unit,
    pub range: Range<usize>,
    pub is_delete: bool,
    /// The table's name as it is written.
    pub name: Name,
    pub table: Table<'a>,
    /// The tokens behind WHERE.
    pub condition: Option<Range<usize>>,
    /// The same as a tree, where the parser understands it.
    pub tree: Option<Expr>,
}

impl Statement<'_> {
    pub fn dialect(&self) -> Option<Dialect> {
        self.unit.dialect
    }

    pub fn at(&self) -> Location {
        place(&self.unit.tokens, self.range.start)
    }

    pub fn tokens(&self) -> &[TokenWithSpan] {
        &self.unit.tokens[self.range.clone()]
    }

    pub fn table_name(&self) -> String {
        self.name.parts.join(".")
    }

    /// The condition as it is written.
    pub fn condition_text(&self) -> String {
        self.condition.clone().map_or(String::new(), |range| shown(&self.unit.tokens[range]))
    }
}

/// All of them on a page; a SELECT counts where its rows go into a table, or it lies in a DELETE.
pub(super) fn statements<'a>(units: &'a [Unit], tables: &'a Tables<'a>) -> Vec<Statement<'a>> {
    let all = |wanted: &'static str| units.iter().flat_map(move |unit| found(unit, wanted, tables));
    let mut statements: Vec<_> = all("DELETE").take(MOST).collect();
    let picks = all("SELECT").take(MOST).filter(|pick| {
        let is_of =
            |delete: &Statement<'_>| delete.name.last().eq_ignore_ascii_case(pick.name.last());
        let is_inside = |delete: &Statement<'_>| {
            std::ptr::eq(delete.unit, pick.unit) && delete.range.contains(&pick.range.start)
        };
        let is_deleted = statements.iter().any(is_of);
        let inner = statements.iter().any(|delete| is_inside(delete) && is_of(delete));
        if inner { is_listed(pick) } else { is_deleted && feeds(pick) }
    });
    let picks: Vec<_> = picks.take(MOST).collect();
    statements.extend(picks);
    statements.truncate(MOST);
    statements
}

fn found<'a>(
    unit: &'a Unit,
    wanted: &'static str,
    tables: &'a Tables<'a>,
) -> impl Iterator<Item = Statement<'a>> {
    (0..unit.tokens.len()).filter(move |at| is(&unit.tokens, *at, wanted)).filter_map(
        move |start| {
            let end = end_of(&unit.tokens, start);
            let is_delete = wanted == "DELETE";
            let name =
                if is_delete { deleted(unit, start, end) } else { selected(unit, start, end) };
            let name = name?;
            let table = tables.find(name.last())?;
            let condition = condition_of(&unit.tokens, name.end..end);
            let tree = condition.clone();
            let tree = tree.and_then(|range| condition::parse(&unit.tokens[range], unit.dialect));
            Some(Statement { unit, range: start..end, is_delete, name, table, condition, tree })
        },
    )
}

/// The table that a DELETE is about.
fn deleted(unit: &Unit, start: usize, end: usize) -> Option<Name> {
    let tokens = &unit.tokens;
    if is_any(tokens, start.wrapping_sub(1), &NO_STATEMENT) {
        return None;
    }
    let mut at = start + 1;
    while is_any(tokens, at, &["LOW_PRIORITY", "QUICK", "IGNORE"]) {
        at += 1;
    }
    let has_top = is(tokens, at, "TOP");
    if has_top {
        let open = is_sign(tokens, at + 1, &Token::LParen);
        at = if open { super::words::closing(tokens, at + 1)? + 1 } else { at + 2 };
        at += usize::from(is(tokens, at, "PERCENT"));
    }
    let has_from = is(tokens, at, "FROM");
    at += usize::from(has_from);
    at += usize::from(is(tokens, at, "ONLY"));
    let name = Name::read(tokens, at).filter(|name| name.end <= end)?;
    if is(tokens, name.end, "FROM") {
        return aliased(tokens, &name, end);
    }
    // `Delete old tokens` in prose is none.
    (has_from || has_top || is(tokens, name.end, "WHERE")).then_some(name)
}

/// `DELETE t FROM tokens AS t`: the table behind the alias.
fn aliased(tokens: &[TokenWithSpan], alias: &Name, end: usize) -> Option<Name> {
    let tables = (alias.end..end).filter(|at| is_any(tokens, *at, &["FROM", "JOIN"]));
    let names: Vec<_> = tables.filter_map(|at| Name::read(tokens, at + 1)).collect();
    let is_meant = |name: &&Name| {
        let at = name.end + usize::from(is(tokens, name.end, "AS"));
        is(tokens, at, alias.last()) || name.last().eq_ignore_ascii_case(alias.last())
    };
    names.iter().find(is_meant).cloned()
}

/// The table that a SELECT reads first.
fn selected(unit: &Unit, start: usize, end: usize) -> Option<Name> {
    let mut depth = 0_i32;
    for at in start..end {
        match unit.tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(_) if depth == 0 && is(&unit.tokens, at, "FROM") => {
                return Name::read(&unit.tokens, at + 1);
            }
            _ => {}
        }
    }
    None
}

/// The tokens behind the WHERE that is not a subquery's, up to what limits or orders the rows.
fn condition_of(tokens: &[TokenWithSpan], range: Range<usize>) -> Option<Range<usize>> {
    let (mut depth, mut from) = (0_i32, None);
    for at in range.clone() {
        match tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(_) if depth == 0 && from.is_none() && is(tokens, at, "WHERE") => {
                from = Some(at + 1);
            }
            Token::Word(_) if depth == 0 && from.is_some() && is_any(tokens, at, &BEHIND) => {
                return from.map(|from| from..at);
            }
            _ => {}
        }
    }
    from.map(|from| from..range.end)
}

/// Whether the rows of a SELECT are those that the DELETE around it takes, and not those that it spares.
fn is_listed(pick: &Statement<'_>) -> bool {
    let tokens = &pick.unit.tokens;
    let Some(open) = pick.range.start.checked_sub(1) else { return false };
    let is_open = tokens[open].token == Token::LParen;
    let before = open.wrapping_sub(1);
    let takes = is_any(tokens, before, &["IN", "ARRAY", "ANY", "FROM", "AS", "USING", "JOIN"])
        || is_sign(tokens, before, &Token::Eq);
    is_open && takes && !is(tokens, before.wrapping_sub(1), "NOT")
}

/// Whether the rows of a SELECT go into a table, a cursor or a loop; a backup's do not come back.
fn feeds(pick: &Statement<'_>) -> bool {
    let tokens = &pick.unit.tokens;
    let start = pick.range.start;
    if is_any(tokens, start + 1, &["COUNT", "MAX", "MIN", "SUM"]) {
        return false;
    }
    let from = start.saturating_sub(FAR);
    let before = (from..start).rev().take_while(|at| tokens[*at].token != Token::SemiColon);
    let mut before = before.filter(|at| is_any(tokens, *at, &["INTO", "TABLE", "CURSOR", "FOR"]));
    let target = |at: usize| Name::read(tokens, at + 1).is_none_or(|name| !is_copy(name.last()));
    let into = pick.range.clone().find(|at| is(tokens, *at, "INTO"));
    before.next().is_some_and(target) || into.is_some_and(target)
}

/// In front of these words DELETE is a right, a trigger's event, or a foreign key's action.
const NO_STATEMENT: [&str; 9] =
    ["ON", "AFTER", "BEFORE", "FOR", "OR", "GRANT", "REVOKE", "OF", "INSTEAD"];
/// More than any script has; what is looked at for each must not take minutes on a hostile page.
pub(super) const MOST: usize = 200;
/// What ends a condition.
const BEHIND: [&str; 10] =
    ["LIMIT", "ORDER", "RETURNING", "FETCH", "GROUP", "OPTION", "OFFSET", "LOG", "HAVING", "FOR"];
/// A table's name, its columns and brackets stand between INTO and SELECT.
const FAR: usize = 24;
