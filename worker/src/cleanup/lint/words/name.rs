//! The name of a table, procedure or event, in whichever quotes it stands.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::is_sign;

/// The name of a table, procedure or event.
#[derive(Debug, Clone)]
pub(in crate::cleanup::lint) struct Name {
    pub parts: Vec<String>,
    /// A part stands in single quotes.
    pub is_text: bool,
    /// Where it ends: the next token.
    pub end: usize,
}

impl Name {
    /// The name in whichever quotes, with its schema.
    pub fn read(tokens: &[TokenWithSpan], at: usize) -> Option<Self> {
        let mut name = Self { parts: Vec::new(), is_text: false, end: at };
        loop {
            name.end = name.part(tokens, name.end)?;
            if !is_sign(tokens, name.end, &Token::Period) {
                return Some(name);
            }
            name.end += 1;
            while is_sign(tokens, name.end, &Token::Period) {
                name.end += 1;
            }
        }
    }

    fn part(&mut self, tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
        match &tokens.get(at)?.token {
            Token::Word(word) => self.parts.push(word.value.clone()),
            Token::SingleQuotedString(text) => {
                self.is_text = true;
                self.parts.push(text.clone());
            }
            Token::LBracket => {
                let length =
                    tokens[at..].iter().take(9).position(|t| t.token == Token::RBracket)?;
                let words = tokens[at + 1..at + length].iter().map(|token| token.token.to_string());
                self.parts.push(words.collect::<Vec<_>>().join(" "));
                return Some(at + length + 1);
            }
            _ => return None,
        }
        Some(at + 1)
    }

    pub fn last(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}
