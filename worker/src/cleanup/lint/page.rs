//! A page that a script stands on: what is no SQL becomes blanks, so that every character keeps its line and column.
//! Knows fences of Markdown, `<pre>` of HTML, prose around statements, and pages whose line ends were lost.

mod html;
mod prose;

use sqlparser::tokenizer::Location;

use super::finding::Note;

/// The parts of a page that may be SQL.
pub(super) struct Page {
    pub parts: Vec<Part>,
    pub notes: Vec<Note>,
}

/// Lines without prose between them.
pub(super) struct Part {
    /// The number of its first line, from 1.
    pub line: u64,
    pub text: String,
}

pub(super) fn read(text: &str) -> Page {
    let mut lines = lines_of(text);
    let mut notes = Vec::new();
    for (at, line) in (1..).zip(&mut lines) {
        if prose::is_prose(line) {
            line.clear();
        } else if let Some(column) = prose::uncomment(line) {
            let at = Location::new(at, column);
            notes.push(Note::new(at, "the page has lost its line ends: a database takes everything behind -- for a comment; read as if each comment ended at the next statement"));
        }
    }
    Page { parts: parts(&lines), notes }
}

/// The lines, those outside of fences or `<pre>` empty where there are such and SQL is in them.
fn lines_of(text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(|line| line.replace('\t', " ")).collect();
    for narrowed in [fenced(&lines), html::preformatted(text)].into_iter().flatten() {
        if narrowed.iter().any(|line| prose::begins_a_statement(line)) {
            return narrowed;
        }
    }
    lines
}

/// What stands in fences, those of other languages left out.
fn fenced(lines: &[String]) -> Option<Vec<String>> {
    let mut inside = None;
    let mut any = false;
    let kept = lines.iter().map(|line| {
        let fence = line.trim_start_matches([' ', '>']);
        if let Some(language) = fence.strip_prefix("```").or_else(|| fence.strip_prefix("~~~")) {
            any = true;
            inside = if inside.is_some() { None } else { Some(is_sql(language)) };
            return String::new();
        }
        if inside == Some(true) { line.clone() } else { String::new() }
    });
    let kept = kept.collect();
    any.then_some(kept)
}

fn is_sql(language: &str) -> bool {
    let word = language.trim().to_ascii_lowercase();
    word.is_empty() || word.contains("sql") || ["ddl", "text", "sh", "bash"].contains(&&*word)
}

/// Parted where two lines in a row are empty, or one begins a fence: prose stood there, and another script begins.
fn parts(lines: &[String]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut empty = MANY;
    for (line, text) in (1..).zip(lines) {
        if text.trim().is_empty() && text.is_empty() {
            empty += 1;
        } else {
            if empty >= MANY {
                parts.push(Part { line, text: String::new() });
            }
            empty = 0;
        }
        if let Some(part) = parts.last_mut() {
            part.text.push_str(text);
            part.text.push('\n');
        }
    }
    parts
}

/// Empty lines between two scripts: one or two stand inside of one.
const MANY: u64 = 3;
