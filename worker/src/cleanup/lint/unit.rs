//! A page's tokens, and those of the texts in them that are SQL themselves: bodies of procedures, the steps of jobs,
//! statements that are put together. Where a text is not closed, reading goes on behind its quote.

use sqlparser::{
    dialect::{Dialect as Reader, GenericDialect, MySqlDialect},
    tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer},
};

use super::{guess, page::Part};
use crate::cleanup::dialect::Dialect;

/// Tokens that belong together, without blanks and comments.
pub(super) struct Unit {
    pub tokens: Vec<TokenWithSpan>,
    pub dialect: Option<Dialect>,
}

/// The units of a page: its parts, and what lies in their texts.
pub(super) fn units(parts: &[Part], wish: Option<Dialect>) -> Vec<Unit> {
    let page = wish.or_else(|| guess_of_page(parts));
    let mut units = Vec::new();
    for part in parts {
        let tokens = tokens(&part.text, Location::new(part.line, 1), page);
        let dialect = wish.or_else(|| guess::of_tokens(&tokens)).or(page);
        let unit = Unit { tokens, dialect };
        nested(&unit, wish, DEEPEST, &mut units);
        units.push(unit);
    }
    units.sort_by_key(|unit| unit.tokens.first().map(|token| token.span.start));
    units
}

/// The parts together: one alone may have too few words.
fn guess_of_page(parts: &[Part]) -> Option<Dialect> {
    let all = parts.iter().flat_map(|part| tokens(&part.text, Location::new(1, 1), None));
    guess::of_tokens(&all.collect::<Vec<_>>())
}

/// Adds the texts of a unit that are SQL.
fn nested(unit: &Unit, wish: Option<Dialect>, depth: usize, units: &mut Vec<Unit>) {
    for token in &unit.tokens {
        let Some((text, at, is_block)) = inside(token).filter(|_| depth > 0) else { continue };
        if !is_block && !begins_as_sql(&text) {
            continue;
        }
        let tokens = tokens(&text, at, unit.dialect);
        let block = is_block.then_some(Dialect::Postgres);
        let own = guess::of_tokens(&tokens);
        let is_national = matches!(token.token, Token::NationalStringLiteral(_));
        let national = is_national.then_some(Dialect::SqlServer);
        let dialect = wish.or(own).or(national).or(block).or(unit.dialect);
        let inner = Unit { tokens, dialect };
        nested(&inner, wish, depth - 1, units);
        units.push(inner);
    }
}

/// What a token of text holds, where that begins, and whether it stands between `$$`.
fn inside(token: &TokenWithSpan) -> Option<(String, Location, bool)> {
    let (text, before, is_block) = match &token.token {
        Token::SingleQuotedString(text) => (text.replace("''", " '"), 1, false),
        Token::NationalStringLiteral(text) | Token::EscapedStringLiteral(text) => {
            (text.replace("''", " '"), 2, false)
        }
        Token::DollarQuotedString(quoted) => {
            let tag = quoted.tag.as_ref().map_or(0, |tag| tag.chars().count());
            (quoted.value.clone(), tag + 2, true)
        }
        _ => return None,
    };
    let Location { line, column } = token.span.start;
    Some((text, Location::new(line, column.saturating_add(before as u64)), is_block))
}

fn begins_as_sql(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default().to_ascii_uppercase();
    BEGINNINGS.contains(&first.trim_end_matches([';', '('])) && words.next().is_some()
}

/// Tokens with their places on the page.
pub(super) fn tokens(text: &str, at: Location, dialect: Option<Dialect>) -> Vec<TokenWithSpan> {
    let reader: &dyn Reader = match dialect {
        Some(Dialect::MySql) => &MySqlDialect {},
        _ => &GenericDialect {},
    };
    let (mut rest, mut base, mut kept) = (text, at, Vec::new());
    for _ in 0..MOST_UNCLOSED {
        let mut read = Vec::new();
        let ended = Tokenizer::new(reader, rest)
            .with_unescape(false)
            .tokenize_with_location_into_buf(&mut read);
        let end = read.last().map_or(Location::new(1, 1), |token| token.span.end);
        kept.extend(read.into_iter().filter(|token| !is_blank(&token.token)).map(|token| {
            let span = Span::new(shifted(base, token.span.start), shifted(base, token.span.end));
            TokenWithSpan::new(token.token, span)
        }));
        if ended.is_ok() {
            break;
        }
        let unclosed = offset(rest, end);
        let Some(sign) = rest[unclosed..].chars().next() else { break };
        let next = Location::new(end.line, end.column + 1);
        base = shifted(base, if sign == '\n' { Location::new(end.line + 1, 1) } else { next });
        rest = &rest[unclosed + sign.len_utf8()..];
    }
    kept
}

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// A place in a text that begins at `base`.
fn shifted(base: Location, at: Location) -> Location {
    if at.line <= 1 {
        Location::new(base.line, base.column + at.column.saturating_sub(1))
    } else {
        Location::new(base.line + at.line - 1, at.column)
    }
}

fn offset(text: &str, at: Location) -> usize {
    let mut start = 0;
    for _ in 1..at.line {
        start += text[start..].find('\n').map_or(text.len() - start, |end| end + 1);
    }
    let skip = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..].char_indices().nth(skip).map_or(text.len(), |(more, _)| start + more)
}

/// A step within a body within a text within a page; nobody quotes deeper.
const DEEPEST: usize = 4;
/// Each unclosed text is looked for to the end of the page: few, so that a hostile one takes no minutes.
const MOST_UNCLOSED: usize = 32;
/// What a text begins with that is SQL.
const BEGINNINGS: [&str; 18] = [
    "DELETE", "BEGIN", "DECLARE", "EXEC", "EXECUTE", "CALL", "WITH", "INSERT", "UPDATE", "DO",
    "SELECT", "SET", "TRUNCATE", "MERGE", "CREATE", "DROP", "USE", "WHILE",
];
