//! Whether a backup table that is there already takes rows of this form: each value as it is, each hash whole.

use crate::cleanup::{
    dialect::Dialect,
    policy::Treatment,
    site::{Held, Kept},
    survey::catalog::ColumnType,
};

/// What is wrong with it, in words that go on after its name.
pub(super) fn differs(held: &Held, there: &[ColumnType], dialect: Dialect) -> Option<String> {
    held.kept().find_map(|wanted| {
        let same = |column: &&ColumnType| column.name.eq_ignore_ascii_case(wanted.name.as_str());
        let Some(found) = there.iter().find(same) else {
            return Some(format!("has no column {}", wanted.name));
        };
        (!takes(wanted, &found.sql_type, dialect)).then(|| {
            let (name, found) = (&wanted.name, &found.sql_type);
            match wanted.treatment {
                Treatment::Hash => format!("has a column {name} ({found}) that takes no hashes"),
                _ => format!("has a column {name} of another type ({found})"),
            }
        })
    })
}

fn takes(wanted: &Kept, found: &str, dialect: Dialect) -> bool {
    match (dialect, wanted.treatment) {
        (Dialect::Sqlite, Treatment::Hash) => matches!(affinity(found), "text" | "blob"),
        (Dialect::Sqlite, _) => affinity(found) == affinity(&wanted.sql_type),
        (_, Treatment::Hash) => {
            let is_text = found.contains("char") || found.contains("text");
            let length = found.split(['(', ')']).nth(1).and_then(|text| text.parse::<u32>().ok());
            is_text && length.is_none_or(|length| length >= HASH)
        }
        _ => found == wanted.sql_type,
    }
}

/// What a column of SQLite makes of a value (<https://www.sqlite.org/datatype3.html>, 3.1).
fn affinity(sql_type: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|word| sql_type.contains(word));
    match sql_type {
        _ if any(&["int"]) => "integer",
        _ if any(&["char", "clob", "text"]) => "text",
        _ if sql_type.is_empty() || any(&["blob"]) => "blob",
        _ if any(&["real", "floa", "doub"]) => "real",
        _ => "numeric",
    }
}

/// Characters of a SHA-256.
const HASH: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_needs_room_and_a_kept_value_its_own_type() {
        let of = |treatment| Kept {
            name: "a".parse().unwrap(),
            treatment,
            sql_type: "varchar(2048)".to_owned(),
            is_binary: false,
        };
        let (hash, keep) = (of(Treatment::Hash), of(Treatment::Keep));
        let (postgres, sqlite) = (Dialect::Postgres, Dialect::Sqlite);
        for (found, takes_hash, takes_value) in [
            ("varchar(64)", true, false),
            ("varchar(2048)", true, true),
            ("varchar(63)", false, false),
            ("uuid", false, false),
            ("text", true, false),
        ] {
            assert_eq!(takes(&hash, found, postgres), takes_hash, "{found}");
            assert_eq!(takes(&keep, found, postgres), takes_value, "{found}");
        }
        assert!(takes(&hash, "text", sqlite) && takes(&keep, "text", sqlite));
        assert!(!takes(&hash, "num", sqlite) && !takes(&keep, "num", sqlite));
    }
}
