//! What a script's variables are set to: cut-offs, sizes of batches, names of jobs. The order of statements is not
//! looked at: a variable may be any of its values.

use std::collections::BTreeMap;

use sqlparser::{
    ast::Expr,
    tokenizer::{Token, TokenWithSpan},
};

use super::{
    condition,
    unit::Unit,
    words::{end_of, is, is_any, is_sign, text, word},
};

/// The values that a page gives to its variables.
#[derive(Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Vec<Expr>>,
    texts: BTreeMap<String, String>,
    noted: usize,
}

impl Variables {
    pub fn of(units: &[Unit]) -> Self {
        let mut variables = Self::default();
        for unit in units {
            for at in 0..unit.tokens.len() {
                variables.note(unit, at);
                if variables.noted > MOST {
                    return variables;
                }
            }
        }
        variables
    }

    /// Each value of a variable.
    pub fn values(&self, name: &str) -> &[Expr] {
        self.values.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The text in quotes that stands there, or that the variable there holds.
    pub fn text<'a>(&'a self, tokens: &'a [TokenWithSpan], at: usize) -> Option<&'a str> {
        let variable = || self.texts.get(&word(tokens, at)?.to_ascii_lowercase());
        text(tokens, at).or_else(|| variable().map(String::as_str))
    }

    fn note(&mut self, unit: &Unit, at: usize) {
        let tokens = &unit.tokens;
        let Some((name, from)) = assigned(tokens, at) else { return };
        self.noted += 1;
        let end = end(tokens, from);
        let name = name.to_ascii_lowercase();
        if let Some(text) = text(tokens, from) {
            self.texts.entry(name.clone()).or_insert_with(|| text.to_owned());
        }
        if let Some(value) = condition::parse(&tokens[from..end], unit.dialect) {
            self.values.entry(name).or_default().push(value);
        }
    }
}

/// The variable that is set behind `at`, and where its value begins.
fn assigned(tokens: &[TokenWithSpan], at: usize) -> Option<(&str, usize)> {
    let opens = matches!(tokens[at].token, Token::SemiColon | Token::Comma)
        || is_any(
            tokens,
            at,
            &["DECLARE", "SET", "BEGIN", "AS", "IS", "THEN", "ELSE", "LOOP", "DO"],
        );
    let name = word(tokens, at + 1).filter(|_| opens)?;
    for from in at + 2..at + LONGEST_TYPE {
        let token = tokens.get(from)?;
        match &token.token {
            Token::Eq | Token::Assignment => return Some((name, from + 1)),
            Token::Word(_) if is(tokens, from, "DEFAULT") => return Some((name, from + 1)),
            Token::Word(_) | Token::Number(..) | Token::LParen | Token::RParen | Token::Period => {}
            // Between the numbers of a type alone.
            Token::Comma if is_sign(tokens, from + 2, &Token::RParen) => {}
            _ => return None,
        }
    }
    None
}

/// Where a value ends: as a statement does, or at a comma outside of brackets.
fn end(tokens: &[TokenWithSpan], from: usize) -> usize {
    let end = end_of(tokens, from);
    super::words::listed(tokens, from..end.max(from)).first().map_or(end, |first| first.end)
}

/// `timestamp ( 6 ) with local time zone not null` and what is set.
const LONGEST_TYPE: usize = 14;
/// More than any script sets; each value is read to its end.
const MOST: usize = 1_000;
