//! Variables for PowerShell, by `Invoke-Expression`.

use super::{Shown, variables};

pub(super) fn render(shown: &Shown) -> String {
    variables::lines(shown, |name, value| format!("$env:{name} = {}", quoted(value)))
}

/// PowerShell, `about_Quoting_Rules`: within single quotes nothing but their end has a meaning, which is
/// written twice. Typographic quotes end a string too (`SpecialChars.IsSingleQuote` of its tokenizer).
fn quoted(value: &str) -> String {
    let mut quoted = String::from("'");
    for letter in value.chars() {
        if QUOTES.contains(&letter) {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
    quoted + "'"
}

const QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quote_that_could_end_the_string_is_written_twice() {
        assert_eq!(quoted("plain $(id) `n \"x\""), "'plain $(id) `n \"x\"'");
        for quote in QUOTES {
            assert_eq!(
                quoted(&format!("a{quote}; id; {quote}")),
                format!("'a{quote}{quote}; id; {quote}{quote}'")
            );
        }
    }
}
