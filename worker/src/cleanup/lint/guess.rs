//! Which database a script is for, by words that only one of them has.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::words::{is, word};
use crate::cleanup::dialect::Dialect;

/// The database that more speaks for than for any other; nothing where nothing does, or as much for two.
pub(super) fn of_tokens(tokens: &[TokenWithSpan]) -> Option<Dialect> {
    let mut votes = [
        (Dialect::Postgres, 0),
        (Dialect::MySql, 0),
        (Dialect::SqlServer, 0),
        (Dialect::Oracle, 0),
    ];
    for at in 0..tokens.len() {
        let Some(dialect) = vote(tokens, at) else { continue };
        if let Some((_, count)) = votes.iter_mut().find(|(of, _)| *of == dialect) {
            *count += 1;
        }
    }
    votes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    (votes[0].1 > votes[1].1).then_some(votes[0].0)
}

fn vote(tokens: &[TokenWithSpan], at: usize) -> Option<Dialect> {
    match &tokens[at].token {
        Token::DollarQuotedString(_) | Token::DoubleColon => Some(Dialect::Postgres),
        Token::NationalStringLiteral(_) => Some(Dialect::SqlServer),
        Token::Word(quoted) if quoted.quote_style == Some('`') => Some(Dialect::MySql),
        Token::Word(_) => {
            let word = word(tokens, at)?.to_ascii_uppercase();
            if word.starts_with('@') && is(tokens, at.wrapping_sub(1), "DECLARE") {
                return Some(Dialect::SqlServer);
            }
            WORDS.iter().find(|(own, _)| *own == word).map(|(_, dialect)| *dialect)
        }
        _ => None,
    }
}

const WORDS: [(&str, Dialect); 60] = [
    ("PGAGENT", Dialect::Postgres),
    ("PLPGSQL", Dialect::Postgres),
    ("TIMESTAMPTZ", Dialect::Postgres),
    ("RETURNING", Dialect::Postgres),
    ("CTID", Dialect::Postgres),
    ("ILIKE", Dialect::Postgres),
    ("BOOL", Dialect::Postgres),
    ("CLOCK_TIMESTAMP", Dialect::Postgres),
    ("CRON", Dialect::Postgres),
    ("LANGUAGE", Dialect::Postgres),
    ("PERFORM", Dialect::Postgres),
    ("ELSIF", Dialect::Postgres),
    ("BYTEA", Dialect::Postgres),
    ("JSONB", Dialect::Postgres),
    ("EVENT", Dialect::MySql),
    ("EVENT_SCHEDULER", Dialect::MySql),
    ("UTC_TIMESTAMP", Dialect::MySql),
    ("DATE_SUB", Dialect::MySql),
    ("DATE_ADD", Dialect::MySql),
    ("UNIX_TIMESTAMP", Dialect::MySql),
    ("TIMESTAMPDIFF", Dialect::MySql),
    ("TIMESTAMPADD", Dialect::MySql),
    ("FROM_UNIXTIME", Dialect::MySql),
    ("CONVERT_TZ", Dialect::MySql),
    ("DELIMITER", Dialect::MySql),
    ("ENGINE", Dialect::MySql),
    ("ROW_COUNT", Dialect::MySql),
    ("AUTO_INCREMENT", Dialect::MySql),
    ("SQL_SAFE_UPDATES", Dialect::MySql),
    ("LEAVE", Dialect::MySql),
    ("CURDATE", Dialect::MySql),
    ("GO", Dialect::SqlServer),
    ("EXEC", Dialect::SqlServer),
    ("GETUTCDATE", Dialect::SqlServer),
    ("GETDATE", Dialect::SqlServer),
    ("SYSUTCDATETIME", Dialect::SqlServer),
    ("SYSDATETIME", Dialect::SqlServer),
    ("SYSDATETIMEOFFSET", Dialect::SqlServer),
    ("DATEADD", Dialect::SqlServer),
    ("DATEDIFF", Dialect::SqlServer),
    ("DATEDIFF_BIG", Dialect::SqlServer),
    ("NVARCHAR", Dialect::SqlServer),
    ("@@ROWCOUNT", Dialect::SqlServer),
    ("@@ERROR", Dialect::SqlServer),
    ("@@TRANCOUNT", Dialect::SqlServer),
    ("WAITFOR", Dialect::SqlServer),
    ("MSDB", Dialect::SqlServer),
    ("READPAST", Dialect::SqlServer),
    ("TOP", Dialect::SqlServer),
    ("ROWNUM", Dialect::Oracle),
    ("SYSTIMESTAMP", Dialect::Oracle),
    ("SYSDATE", Dialect::Oracle),
    ("SYS_EXTRACT_UTC", Dialect::Oracle),
    ("VARCHAR2", Dialect::Oracle),
    ("NUMTODSINTERVAL", Dialect::Oracle),
    ("DBMS_LOCK", Dialect::Oracle),
    ("DBMS_OUTPUT", Dialect::Oracle),
    ("DBMS_SCHEDULER", Dialect::Oracle),
    ("SQL%ROWCOUNT", Dialect::Oracle),
    ("FORALL", Dialect::Oracle),
];
