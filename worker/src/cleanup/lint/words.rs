//! Reading tokens: words, names, and where a statement ends.

mod name;

use std::ops::Range;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

pub(super) use self::name::Name;

/// A word without quotes at a place.
pub(super) fn word(tokens: &[TokenWithSpan], at: usize) -> Option<&str> {
    match &tokens.get(at)?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

/// Whether that word stands there, in any case of letters.
pub(super) fn is(tokens: &[TokenWithSpan], at: usize, wanted: &str) -> bool {
    word(tokens, at).is_some_and(|word| word.eq_ignore_ascii_case(wanted))
}

pub(super) fn is_any(tokens: &[TokenWithSpan], at: usize, wanted: &[&str]) -> bool {
    word(tokens, at).is_some_and(|word| wanted.iter().any(|one| word.eq_ignore_ascii_case(one)))
}

pub(super) fn is_sign(tokens: &[TokenWithSpan], at: usize, sign: &Token) -> bool {
    tokens.get(at).is_some_and(|token| token.token == *sign)
}

/// The text in single quotes at a place.
pub(super) fn text(tokens: &[TokenWithSpan], at: usize) -> Option<&str> {
    match &tokens.get(at)?.token {
        Token::SingleQuotedString(text)
        | Token::NationalStringLiteral(text)
        | Token::EscapedStringLiteral(text) => Some(text),
        _ => None,
    }
}

pub(super) fn number(tokens: &[TokenWithSpan], at: usize) -> Option<u64> {
    match &tokens.get(at)?.token {
        Token::Number(digits, _) => digits.parse().ok(),
        _ => None,
    }
}

pub(super) fn place(tokens: &[TokenWithSpan], at: usize) -> Location {
    tokens.get(at).map_or(Location::new(1, 1), |token| token.span.start)
}

/// Where the statement ends that begins at `start`: at `;`, at a bracket that was opened before it, or where
/// another begins, as Transact-SQL needs no `;`.
pub(super) fn end_of(tokens: &[TokenWithSpan], start: usize) -> usize {
    let (mut depth, mut cases) = (0_u32, 0_u32);
    let most = tokens.len().min(start.saturating_add(LONGEST));
    for at in start + 1..most {
        match &tokens[at].token {
            Token::SemiColon | Token::RParen if depth == 0 => return at,
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(_) if is(tokens, at, "CASE") => cases += 1,
            Token::Word(_) if cases > 0 && is(tokens, at, "END") => cases -= 1,
            Token::Word(_) if depth == 0 && cases == 0 && begins(tokens, at) => return at,
            _ => {}
        }
    }
    most
}

/// Whether a statement begins there, behind one that may have ended.
fn begins(tokens: &[TokenWithSpan], at: usize) -> bool {
    is_any(tokens, at, &BEGINNINGS) && ends_something(tokens, at - 1)
}

fn ends_something(tokens: &[TokenWithSpan], at: usize) -> bool {
    match &tokens[at].token {
        Token::Word(_) => !is_any(tokens, at, &GO_ON),
        Token::Number(..)
        | Token::RParen
        | Token::RBracket
        | Token::SemiColon
        | Token::DoubleQuotedString(_) => true,
        _ => text(tokens, at).is_some(),
    }
}

/// What stands between commas within `range`, outside of brackets.
pub(super) fn listed(tokens: &[TokenWithSpan], range: Range<usize>) -> Vec<Range<usize>> {
    let (mut parts, mut from, mut depth) = (Vec::new(), range.start, 0_i32);
    for at in range.clone() {
        match tokens[at].token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::Comma if depth == 0 => {
                parts.push(from..at);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(from..range.end);
    parts
}

/// The bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, token) in tokens.iter().enumerate().skip(open).take(LONGEST) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth <= 1 => return Some(at),
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The tokens as a text on one line.
pub(super) fn shown(tokens: &[TokenWithSpan]) -> String {
    let mut shown = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end != token.span.start) {
            shown.push(' ');
        }
        shown.push_str(&token.token.to_string());
        end = Some(token.span.end);
    }
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tokens of a statement at most: looking for its end from each of many open brackets must not take minutes.
pub(super) const LONGEST: usize = 4_000;

const BEGINNINGS: [&str; 42] = [
    "DECLARE",
    "EXEC",
    "EXECUTE",
    "IF",
    "WHILE",
    "BEGIN",
    "END",
    "COMMIT",
    "ROLLBACK",
    "GO",
    "GOTO",
    "PRINT",
    "RETURN",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "CREATE",
    "DROP",
    "TRUNCATE",
    "ALTER",
    "USE",
    "CALL",
    "WAITFOR",
    "UNTIL",
    "LOOP",
    "ELSE",
    "ELSIF",
    "ELSEIF",
    "SELECT",
    "SET",
    "SAVE",
    "SAVEPOINT",
    "RAISE",
    "RAISERROR",
    "EXIT",
    "CONTINUE",
    "PERFORM",
    "DO",
    "REPEAT",
    "DELIMITER",
    "ITERATE",
];
/// Behind these a statement has not ended.
const GO_ON: [&str; 28] = [
    "AND",
    "OR",
    "NOT",
    "WHERE",
    "IN",
    "FROM",
    "ON",
    "AS",
    "UNION",
    "ALL",
    "EXISTS",
    "ANY",
    "SOME",
    "SET",
    "BY",
    "JOIN",
    "USING",
    "WITH",
    "THEN",
    "WHEN",
    "ELSE",
    "CASE",
    "INTO",
    "EXCEPT",
    "INTERSECT",
    "MINUS",
    "FOR",
    "OF",
];
