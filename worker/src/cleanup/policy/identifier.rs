//! Names of tables and columns, parsed: what is quoted into a statement. How a database spells and
//! quotes them is said here too, because nothing else may.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::cleanup::dialect::Dialect;

/// A name of a table, column, schema or index: 1 to 63 characters of `A-Z a-z 0-9 _ $`, no digit or `$`
/// in front. 63 is what PostgreSQL keeps of a name; a longer one would be cut silently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Identifier(String);

/// How a product's scripts write names, which decides how a database that folds them has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// Without quotes: PostgreSQL has them in lower case, Oracle in upper case.
    #[default]
    Fold,
    /// In quotes: as written.
    Exact,
}

impl Identifier {
    /// The name as the policy writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as the database has it.
    #[must_use]
    pub fn spelled(&self, dialect: Dialect, case: Case) -> String {
        match (case, dialect) {
            (Case::Fold, Dialect::Postgres) => self.0.to_ascii_lowercase(),
            (Case::Fold, Dialect::Oracle) => self.0.to_ascii_uppercase(),
            _ => self.0.clone(),
        }
    }

    /// The name as a part of a statement.
    #[must_use]
    pub fn quoted(&self, dialect: Dialect, case: Case) -> String {
        let name = self.spelled(dialect, case);
        match dialect {
            Dialect::Postgres | Dialect::Oracle => format!("\"{name}\""),
            // SQLite takes a name in double quotes that it does not know for a text.
            Dialect::MySql | Dialect::Sqlite => format!("`{name}`"),
            Dialect::SqlServer => format!("[{name}]"),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Identifier {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
        if first && fits && text.len() <= LONGEST {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdentifier { shown: text.chars().take(SHOWN).collect() })
        }
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that cannot name a table or column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{shown:?} cannot name a table or column: use 1 to 63 characters of A-Z a-z 0-9 _ $, a letter or _ in front"
)]
pub struct InvalidIdentifier {
    shown: String,
}

const LONGEST: usize = 63;
/// Enough to find the place, short enough for a line.
const SHOWN: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_never_reaches_a_statement() {
        let long = "a".repeat(64);
        for text in
            ["", "a b", "a\"b", "a`b", "a]b", "a;b", "a\0", "1a", "$a", "a'", "ä", "a.b", &long]
        {
            assert!(text.parse::<Identifier>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_database_gets_the_name_as_it_has_it() {
        let name: Identifier = "ClientAccessTokens".parse().unwrap();
        let quoted = |dialect, case| name.quoted(dialect, case);
        assert_eq!(quoted(Dialect::Postgres, Case::Fold), "\"clientaccesstokens\"");
        assert_eq!(quoted(Dialect::Postgres, Case::Exact), "\"ClientAccessTokens\"");
        assert_eq!(quoted(Dialect::Oracle, Case::Fold), "\"CLIENTACCESSTOKENS\"");
        assert_eq!(quoted(Dialect::MySql, Case::Fold), "`ClientAccessTokens`");
        assert_eq!(quoted(Dialect::Sqlite, Case::Fold), "`ClientAccessTokens`");
        assert_eq!(quoted(Dialect::SqlServer, Case::Fold), "[ClientAccessTokens]");
    }
}
