//! Conditions as the parser's trees, from tokens; and the ways in which one can hold: what is joined by OR, taken
//! apart, as it is each of these ways by which a row may go.

use sqlparser::{
    ast::{BinaryOperator, Expr, UnaryOperator},
    dialect::{
        Dialect as Reader, GenericDialect, MsSqlDialect, MySqlDialect, OracleDialect,
        PostgreSqlDialect, SQLiteDialect,
    },
    parser::Parser,
    tokenizer::{Span, Token, TokenWithSpan, Word},
};

use super::words::{is, is_any, number, word};
use crate::cleanup::dialect::Dialect;

/// The tree of an expression; nothing where the parser does not understand all of it.
pub(super) fn parse(tokens: &[TokenWithSpan], dialect: Option<Dialect>) -> Option<Expr> {
    if tokens.is_empty() || tokens.len() > LONGEST {
        return None;
    }
    let tidy = tidy(tokens);
    let own = reader(dialect);
    [own, &GenericDialect {}].into_iter().find_map(|reader| {
        let mut parser = Parser::new(reader).with_tokens_with_locations(tidy.clone());
        let expression = parser.parse_expr().ok()?;
        (parser.peek_token().token == Token::EOF).then_some(expression)
    })
}

fn reader(dialect: Option<Dialect>) -> &'static dyn Reader {
    match dialect {
        Some(Dialect::Postgres) => &PostgreSqlDialect {},
        Some(Dialect::MySql) => &MySqlDialect {},
        Some(Dialect::SqlServer) => &MsSqlDialect {},
        Some(Dialect::Oracle) => &OracleDialect {},
        Some(Dialect::Sqlite) => &SQLiteDialect {},
        None => &GenericDialect {},
    }
}

/// What no parser of these dialects reads, in words that it does: `CURRENT TIMESTAMP` and `+ 2 HOURS` of DB2.
fn tidy(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut tidy = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let span = tokens[at].span;
        if is_utc_of_db2(tokens, at) {
            tidy.push(TokenWithSpan::new(Token::make_word("UTC_TIMESTAMP", None), span));
            at += 5;
        } else if is(tokens, at, "CURRENT") && is_any(tokens, at + 1, &["TIMESTAMP", "DATE"]) {
            let name = format!("CURRENT_{}", word(tokens, at + 1).unwrap_or_default());
            tidy.push(TokenWithSpan::new(Token::make_word(&name, None), span));
            at += 2;
        } else if let Some(sign) = parted(tokens, at) {
            tidy.push(TokenWithSpan::new(sign, span));
            at += 2;
        } else if let Some(unit) = labeled(tokens, at) {
            let amount =
                Token::SingleQuotedString(number(tokens, at).unwrap_or_default().to_string());
            let made = [Token::make_word("INTERVAL", None), amount, Token::make_word(unit, None)];
            tidy.extend(made.map(|token| TokenWithSpan::new(token, span)));
            at += 2;
        } else {
            tidy.push(bracketed(tokens, &mut at).unwrap_or_else(|| tokens[at - 1].clone()));
        }
    }
    tidy
}

/// `CURRENT TIMESTAMP - CURRENT TIMEZONE`.
fn is_utc_of_db2(tokens: &[TokenWithSpan], at: usize) -> bool {
    let words = ["CURRENT", "TIMESTAMP", "-", "CURRENT", "TIMEZONE"];
    let stands = |(more, wanted): (usize, &&str)| {
        let token = tokens.get(at + more);
        token.is_some_and(|token| token.token.to_string().eq_ignore_ascii_case(wanted))
    };
    is(tokens, at, "CURRENT") && words.iter().enumerate().all(stands)
}

/// Signs of a page in HTML, which its entities part: `<   >`.
fn parted(tokens: &[TokenWithSpan], at: usize) -> Option<Token> {
    match (&tokens[at].token, &tokens.get(at + 1)?.token) {
        (Token::Lt, Token::Gt) => Some(Token::Neq),
        (Token::Lt, Token::Eq) => Some(Token::LtEq),
        (Token::Gt, Token::Eq) => Some(Token::GtEq),
        _ => None,
    }
}

/// A number behind `+` or `-` with a unit behind it.
fn labeled(tokens: &[TokenWithSpan], at: usize) -> Option<&'static str> {
    let sign = &tokens[at.checked_sub(1)?].token;
    number(tokens, at).filter(|_| matches!(sign, Token::Plus | Token::Minus))?;
    let unit = word(tokens, at + 1)?.to_ascii_uppercase();
    UNITS.into_iter().find(|own| unit == *own || unit.strip_suffix('S') == Some(own))
}

/// A name in brackets as one word; steps over it, or over one token.
fn bracketed(tokens: &[TokenWithSpan], at: &mut usize) -> Option<TokenWithSpan> {
    *at += 1;
    let open = *at - 1;
    let begins =
        tokens[open].token == Token::LBracket && !is(tokens, open.wrapping_sub(1), "ARRAY");
    let is_name = begins && tokens.get(open + 2)?.token == Token::RBracket;
    let name = word(tokens, open + 1).filter(|_| is_name)?;
    *at = open + 3;
    let word = Word {
        value: name.to_owned(),
        quote_style: Some('['),
        keyword: sqlparser::keywords::Keyword::NoKeyword,
    };
    Some(TokenWithSpan::new(
        Token::Word(word),
        Span::new(tokens[open].span.start, tokens[open + 2].span.end),
    ))
}

/// One thing that must hold, or must not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal<'a> {
    pub expression: &'a Expr,
    pub is_negated: bool,
}

/// The ways in which a condition holds, each a list of what must hold then; nothing when there are too many.
pub(super) fn ways(expression: &Expr) -> Option<Vec<Vec<Literal<'_>>>> {
    taken_apart(expression, false)
}

fn taken_apart(expression: &Expr, is_negated: bool) -> Option<Vec<Vec<Literal<'_>>>> {
    match expression {
        Expr::Nested(inner) => taken_apart(inner, is_negated),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => taken_apart(expr, !is_negated),
        Expr::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
            let (left, right) = (taken_apart(left, is_negated)?, taken_apart(right, is_negated)?);
            let is_or = (*op == BinaryOperator::Or) != is_negated;
            let ways = if is_or { [left, right].concat() } else { product(&left, &right) };
            (ways.len() <= MOST_WAYS).then_some(ways)
        }
        _ => Some(vec![vec![Literal { expression, is_negated }]]),
    }
}

fn product<'a>(left: &[Vec<Literal<'a>>], right: &[Vec<Literal<'a>>]) -> Vec<Vec<Literal<'a>>> {
    let joined = |one: &Vec<Literal<'a>>| {
        let one = one.clone();
        right.iter().map(move |other| [one.as_slice(), other].concat())
    };
    left.iter().take(MOST_WAYS + 1).flat_map(joined).take(MOST_WAYS + 1).collect()
}

/// The parser builds a tree as deep as a chain of OR is long, and giving that back needs a stack.
const LONGEST: usize = 1_000;
/// Nobody writes more; a hostile condition could have 2^n.
const MOST_WAYS: usize = 256;
const UNITS: [&str; 7] = ["MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"];
