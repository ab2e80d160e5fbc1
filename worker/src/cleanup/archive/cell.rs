//! A column's value as a file has it: text, a whole number, a real one, bytes, or null; and how each database
//! tells it without a loss.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::cleanup::{database::Texts, dialect::Dialect, policy::Treatment, site::Kept, sql::Sql};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// As the database writes it.
    Text(String),
    /// Only where the database would take a text for something else.
    Integer(i64),
    /// With all its digits.
    Real(String),
    /// In hexadecimal digits.
    Bytes(String),
}

/// How a column is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Text,
    Integer,
    Bytes,
    /// SQLite's values have types of their own.
    AsItIs,
}

impl Cell {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Real(digits) => json!({ "real": digits }),
            Self::Bytes(hex) => json!({ "base64": STANDARD.encode(from_hex(hex)) }),
        }
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => Self::Integer(number.as_i64()?),
            Value::Object(marked) => match (marked.get("real"), marked.get("base64")) {
                (Some(digits), None) => Self::Real(digits.as_str()?.to_owned()),
                (None, Some(text)) => Self::Bytes(to_hex(&STANDARD.decode(text.as_str()?).ok()?)),
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// Adds a column and its kind, as two texts.
pub(super) fn select(column: &Kept, sql: &mut Sql) {
    let name = &column.name;
    let around = |front, back, sql: &mut Sql| {
        sql.push(front).spelled(name).push(back);
    };
    match (told(column, sql.dialect()), sql.dialect()) {
        (Told::AsItIs, _) => {
            around("typeof(", "), CASE typeof(", sql);
            around("", ") WHEN 'blob' THEN hex(", sql);
            around("", ") WHEN 'real' THEN printf('%!.17g', ", sql);
            around("", ") ELSE CAST(", sql);
            around("", " AS text) END", sql);
        }
        (Told::Bytes, Dialect::Postgres) => around("'blob', encode(", ", 'hex')", sql),
        (Told::Bytes, _) => around("'blob', HEX(", ")", sql),
        (Told::Integer, _) => around("'integer', CAST(CAST(", " AS UNSIGNED) AS CHAR)", sql),
        (Told::Text, Dialect::MySql) if column.sql_type.starts_with("float") => {
            // Its own text has six digits.
            around("'text', CAST(", " + 0e0 AS CHAR)", sql);
        }
        (Told::Text, Dialect::MySql) if column.sql_type.starts_with("timestamp") => {
            // Its own text is the session's wall clock, which in one hour of the year says two things.
            around(
                "'text', CASE WHEN UNIX_TIMESTAMP(",
                ") = 0 THEN '0000-00-00 00:00:00' ELSE ",
                sql,
            );
            around(
                "CAST(DATE_ADD('1970-01-01 00:00:00', INTERVAL UNIX_TIMESTAMP(",
                ") SECOND) AS CHAR) END",
                sql,
            );
        }
        (Told::Text, Dialect::MySql) => around("'text', CAST(", " AS CHAR)", sql),
        (Told::Text, _) => around("'text', CAST(", " AS text)", sql),
    }
}

/// The values of what [`select`] has brought.
pub(super) fn cells(texts: Texts) -> Vec<Cell> {
    let mut texts = texts.into_iter();
    let mut cells = Vec::new();
    while let (Some(kind), Some(text)) = (texts.next(), texts.next()) {
        cells.push(match (kind.as_deref(), text) {
            (_, None) => Cell::Null,
            (Some("blob"), Some(hex)) => Cell::Bytes(hex.to_lowercase()),
            (Some("real"), Some(digits)) => Cell::Real(digits),
            (Some("integer"), Some(digits)) => {
                digits.parse().map_or(Cell::Text(digits), Cell::Integer)
            }
            (_, Some(text)) => Cell::Text(text),
        });
    }
    cells
}

fn told(column: &Kept, dialect: Dialect) -> Told {
    let is_kept = column.treatment == Treatment::Keep;
    match dialect {
        Dialect::Sqlite => Told::AsItIs,
        _ if is_kept && column.is_binary => Told::Bytes,
        Dialect::MySql if is_kept && column.sql_type.starts_with("bit") => Told::Integer,
        _ => Told::Text,
    }
}

/// What `COPY` of PostgreSQL takes.
pub(super) fn copied<'a>(cells: impl Iterator<Item = &'a Cell>) -> String {
    let texts: Vec<_> = cells
        .map(|cell| match cell {
            Cell::Null => "\\N".to_owned(),
            Cell::Integer(number) => number.to_string(),
            Cell::Bytes(hex) => format!("\\\\x{hex}"),
            Cell::Text(text) | Cell::Real(text) => text
                .replace('\\', "\\\\")
                .replace('\n', "\\n")
                .replace('\r', "\\r")
                .replace('\t', "\\t"),
        })
        .collect();
    texts.join("\t") + "\n"
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    crate::cleanup::digest::digits(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_is_itself_again() {
        for cell in [
            Cell::Null,
            Cell::Text("null".to_owned()),
            Cell::Text(String::new()),
            Cell::Integer(i64::MIN),
            Cell::Real("0.1".to_owned()),
            Cell::Bytes("00ff27c328".to_owned()),
        ] {
            assert_eq!(Cell::from_json(&cell.to_json()), Some(cell));
        }
        assert_eq!(Cell::from_json(&json!({"real": "1", "base64": ""})), None);
    }

    #[test]
    fn what_copy_takes_for_its_own_is_escaped() {
        let cells = [Cell::Text("a\tb\\N\n".to_owned()), Cell::Null, Cell::Bytes("00".to_owned())];
        assert_eq!(copied(cells.iter()), "a\\tb\\\\N\\n\t\\N\t\\\\x00\n");
    }
}
