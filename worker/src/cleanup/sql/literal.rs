//! Values in the text of a script. Clients read scripts before a database does: a line `GO` or `/`, `$(…)` and
//! letters of another character set mean something to them in the middle of a text too, so that nothing but
//! plain ASCII is written.

use crate::cleanup::dialect::Dialect;

/// A text as an expression of SQL.
pub(super) fn written(text: &str, dialect: Dialect) -> String {
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut parts = Vec::new();
    let mut plain = String::new();
    for sign in text.chars() {
        if is_plain(sign) {
            plain.push(sign);
            continue;
        }
        if !plain.is_empty() {
            parts.push(written(&std::mem::take(&mut plain), dialect));
        }
        match dialect {
            Dialect::Postgres => parts.push(format!("chr({})", u32::from(sign))),
            Dialect::MySql => parts.push(bytes(sign)),
            _ => parts
                .extend(sign.encode_utf16(&mut [0; 2]).iter().map(|unit| coded(*unit, dialect))),
        }
    }
    if !plain.is_empty() {
        parts.push(written(&plain, dialect));
    }
    match dialect {
        Dialect::MySql => format!("CONCAT({})", parts.join(", ")),
        Dialect::SqlServer => format!("({})", parts.join(" + ")),
        _ => format!("({})", parts.join(" || ")),
    }
}

/// What may stand in a comment of one line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|sign| if is_plain(sign) { sign } else { ' ' }).collect()
}

/// `$` begins a variable of sqlcmd, `&` one of SQL*Plus; a backslash would join lines.
fn is_plain(sign: char) -> bool {
    (sign == ' ' || sign.is_ascii_graphic()) && !matches!(sign, '$' | '&' | '\\')
}

/// Its bytes in UTF-8, as `CHAR` takes them.
fn bytes(sign: char) -> String {
    let text = sign.to_string();
    let bytes = text.bytes().map(|byte| format!("{byte:02X}"));
    let hex = bytes.collect::<Vec<_>>().concat();
    format!("CHAR(0x{hex} USING utf8mb4)")
}

fn coded(unit: u16, dialect: Dialect) -> String {
    match dialect {
        Dialect::SqlServer => format!("NCHAR({unit})"),
        _ => format!("UNISTR('\\{unit:04X}')"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_would_read_into_a_text_is_written_by_its_code() {
        for (text, sql_server, oracle) in [
            ("ACTIVE", "'ACTIVE'", "'ACTIVE'"),
            ("it's", "'it''s'", "'it''s'"),
            ("a\nGO", "('a' + NCHAR(10) + 'GO')", "('a' || UNISTR('\\000A') || 'GO')"),
            ("$(x)", "(NCHAR(36) + '(x)')", "(UNISTR('\\0024') || '(x)')"),
            ("ä", "(NCHAR(228))", "(UNISTR('\\00E4'))"),
            ("'\n'", "('''' + NCHAR(10) + '''')", "('''' || UNISTR('\\000A') || '''')"),
        ] {
            assert_eq!(written(text, Dialect::SqlServer), sql_server);
            assert_eq!(written(text, Dialect::Oracle), oracle);
        }
        assert_eq!(written("a$\u{e4}", Dialect::Postgres), "('a' || chr(36) || chr(228))");
        assert_eq!(
            written("a\\\u{e4}", Dialect::MySql),
            "CONCAT('a', CHAR(0x5C USING utf8mb4), CHAR(0xC3A4 USING utf8mb4))"
        );
        assert_eq!(plain("a\n/\u{2028}b"), "a / b");
    }
}
