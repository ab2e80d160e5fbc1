//! The name of a token, parsed: what a consumer asks for and a row is found by.
//! What a name may stand for is not decided here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// A token's name: 1 to 128 characters of `A-Z a-z 0-9 . _ -`, case-sensitive, not starting with `-`.
///
/// The alphabet keeps a name safe in a path, a URL, a metric label and a shell word; the first
/// character keeps it from being read as an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TokenName(String);

impl TokenName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for TokenName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=LONGEST).contains(&text.len()) && !text.starts_with('-');
        if fits && text.bytes().all(is_name_byte) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName { shown: text.escape_debug().take(SHOWN).collect() })
        }
    }
}

impl<'de> Deserialize<'de> for TokenName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that cannot name a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{shown}\" cannot name a token: use 1 to 128 characters of A-Z a-z 0-9 . _ - and no \"-\" in front"
)]
pub struct InvalidName {
    shown: String,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Fits the `VARCHAR(128)` of the schema.
const LONGEST: usize = 128;

/// How much of a refused name an error repeats.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_kept_as_it_is() {
        for good in ["quartile", "a", "A.b_c-9", &"n".repeat(128)] {
            assert_eq!(good.parse::<TokenName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_name_that_could_be_mistaken_for_something_else_is_refused() {
        for bad in ["", " a", "a ", "a/b", "-a", "ä", "a\n", "a\0", "a%2e", &"n".repeat(129)] {
            assert!(bad.parse::<TokenName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refused_name_is_shown_escaped_and_cut() {
        let shown = "\u{1b}[31m".repeat(100).parse::<TokenName>().unwrap_err().to_string();
        assert!(!shown.contains('\u{1b}') && shown.len() < 200, "{shown}");
    }
}
