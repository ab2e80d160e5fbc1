//! Telling prose from SQL, a line at a time.

/// Whether a line is a sentence: it has words that SQL has not, outside of texts and comments.
pub(super) fn is_prose(line: &str) -> bool {
    let trimmed = line.trim_start();
    if trimmed.starts_with("# ") || trimmed.starts_with("##") {
        return true;
    }
    if begins_a_statement(line) || trimmed.contains("/*") || trimmed.contains("*/") {
        return false;
    }
    let bare = without_texts(trimmed);
    let words = bare.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words.filter(|word| SENTENCE.contains(&word.to_ascii_lowercase().as_str())).count() >= 2
}

/// Whether a statement begins with the line.
pub(super) fn begins_a_statement(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '>', '(']);
    let words: Vec<_> = line.split_whitespace().take(WORDS_OF_START).collect();
    let upper = words.join(" ").to_ascii_uppercase() + " ";
    STARTS.iter().any(|start| upper.starts_with(start))
}

/// Blanks the comments of a line that has lost its line ends, each up to the next statement. The column of the first.
pub(super) fn uncomment(line: &mut String) -> Option<u64> {
    let mut first = None;
    let mut from = 0;
    while let Some(at) = comment(line, from) {
        let rest = &line[at..];
        let next = AFTER_COMMENTS.iter().filter_map(|word| rest.find(word)).min();
        let Some(next) = next.filter(|_| first.is_some() || rest.len() > LONG) else { break };
        first = first.or_else(|| u64::try_from(line[..at].chars().count() + 1).ok());
        let blanks = " ".repeat(rest[..next].chars().count());
        line.replace_range(at..at + next, &blanks);
        from = at + blanks.len();
    }
    first
}

/// Where a comment begins, outside of texts.
fn comment(line: &str, from: usize) -> Option<usize> {
    let mut quoted = false;
    let bytes = line.as_bytes();
    for at in from..bytes.len().saturating_sub(1) {
        match bytes[at] {
            b'\'' => quoted = !quoted,
            b'-' if !quoted && bytes[at + 1] == b'-' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The line without what stands in quotes that open behind a sign or blank, and without its comment.
fn without_texts(line: &str) -> String {
    let mut bare = String::new();
    let mut rest = line.split(" --").next().unwrap_or_default();
    while let Some(open) = rest.find([' ', '=', '(', ',', 'N']).filter(|_| rest.contains('\'')) {
        let (before, behind) = rest.split_at(open + 1);
        bare.push_str(before);
        rest = match behind.strip_prefix('\'').and_then(|text| text.split_once('\'')) {
            Some((_, after)) => after,
            None => behind,
        };
    }
    bare.push_str(rest);
    bare
}

/// Words of sentences that no statement has. Those that SQL has too (for, with, to, is, on …) are left out.
const SENTENCE: [&str; 49] = [
    "the",
    "a",
    "an",
    "are",
    "be",
    "been",
    "this",
    "that",
    "these",
    "those",
    "your",
    "you",
    "which",
    "will",
    "would",
    "should",
    "can",
    "could",
    "it",
    "its",
    "we",
    "our",
    "has",
    "have",
    "was",
    "were",
    "may",
    "must",
    "needs",
    "depending",
    "following",
    "once",
    "how",
    "here",
    "there",
    "they",
    "them",
    "please",
    "however",
    "because",
    "below",
    "above",
    "want",
    "make",
    "also",
    "more",
    "what",
    "don't",
    "i",
];

/// How statements begin that have anything to do with jobs and deletes.
const STARTS: [&str; 43] = [
    "DELETE FROM ",
    "DELETE TOP",
    "DELETE /*",
    "CREATE EVENT",
    "CREATE PROC",
    "CREATE OR REPLACE",
    "CREATE FUNC",
    "CREATE TABLE",
    "CREATE TEMP",
    "CREATE DEFINER",
    "CREATE INDEX",
    "CREATE EXTENSION",
    "DROP TABLE",
    "DROP EVENT",
    "DROP PROC",
    "DROP FUNC",
    "DROP TEMP",
    "TRUNCATE ",
    "DO $",
    "DO '",
    "DECLARE ",
    "BEGIN",
    "INSERT INTO ",
    "EXEC ",
    "EXECUTE ",
    "EXEC(",
    "USE [",
    "USE `",
    "USE '",
    "CALL ",
    "SET @",
    "SET GLOBAL",
    "SELECT ",
    "WITH ",
    "WHILE ",
    "IF (",
    "IF EXISTS",
    "IF NOT",
    "MERGE INTO",
    "UPDATE ",
    "ALTER ",
    "DELIMITER ",
    "--",
];
/// As many as the longest of them has, and one.
const WORDS_OF_START: usize = 4;

/// What ends a comment whose line end was lost; in capitals, as sentences have not.
const AFTER_COMMENTS: [&str; 14] = [
    "DECLARE ",
    "INSERT INTO ",
    "EXEC ",
    "ARRAY[",
    "DELETE FROM ",
    "CREATE EVENT ",
    "CREATE PROC",
    "SELECT ",
    "IF NOT EXISTS",
    "IF (",
    "BEGIN ",
    "UPDATE ",
    "SET @",
    "USE [",
];
/// No comment that somebody wrote on one line is longer, and has a statement in it.
const LONG: usize = 240;
