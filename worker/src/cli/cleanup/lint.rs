//! `cleanup lint`: the known mistakes of clean-up scripts that somebody else wrote. No database is asked.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::output;
use crate::cleanup::{
    dialect::Dialect,
    lint::{Lint, Wish, lint},
    policy::Policy,
};

/// What is read, and how.
#[derive(Debug, Args)]
pub(super) struct LintArguments {
    /// Scripts, or pages with scripts among prose (Markdown, HTML, plain text); - reads stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The database that they are for [default: guessed from each text, and told]
    #[arg(long, value_enum)]
    dialect: Option<LintDialect>,
    /// A table that holds tokens, beside those of the policies and those whose names say so; may be repeated
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
enum LintDialect {
    Postgres,
    #[value(alias = "mariadb")]
    MySql,
    Sqlite,
    SqlServer,
    Oracle,
}

/// 0 when nothing was found, 3 when something was.
pub(super) fn run(
    policies: &BTreeMap<String, Policy>,
    arguments: &LintArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let dialect = arguments.dialect.map(Dialect::from);
    let wish = Wish { dialect, tables: &arguments.tables, policies };
    let mut is_clean = true;
    for file in &arguments.files {
        let text = text(file)?;
        let told = lint(&text, &wish);
        is_clean &= told.findings.is_empty();
        if json {
            as_json(file, &told, dialect.is_none())?;
        } else {
            tell(file, &told, dialect.is_none())?;
        }
    }
    Ok(if is_clean { Exit::Ok } else { Exit::Partly })
}

fn tell(file: &Path, told: &Lint, is_guessed: bool) -> Result<(), Failure> {
    let file = file.display();
    for found in &told.findings {
        let (line, column, code) = (found.line, found.column, found.code.as_str());
        output::line(&format!("{file}:{line}:{column}: {code}: {}", found.what))?;
        output::line(&format!("    why: {}", found.why))?;
        output::line(&format!("    mended: {}", found.mended))?;
    }
    for note in &told.notes {
        output::note(&format!("{file}:{}:{}: note: {}", note.line, note.column, note.what));
    }
    let dialects: Vec<_> = told.dialects.iter().map(ToString::to_string).collect();
    let read_as = match (dialects.is_empty(), is_guessed) {
        (true, _) => "no database's own words (say --dialect)".to_owned(),
        (false, true) => format!("{} (guessed)", dialects.join(" and ")),
        (false, false) => dialects.join(" and "),
    };
    let count = told.findings.len();
    output::note(&format!("{file}: read as {read_as}: {count} found"));
    Ok(())
}

/// One object a file.
fn as_json(file: &Path, told: &Lint, is_guessed: bool) -> Result<(), Failure> {
    output::json(&json!({
        "version": 1,
        "file": file.display().to_string(),
        "dialects": told.dialects,
        "dialects_guessed": is_guessed,
        "findings": told.findings,
        "notes": told.notes,
    }))
}

fn text(file: &Path) -> Result<String, Failure> {
    let bytes = if file == Path::new("-") {
        bytes(stdin().lock())
    } else {
        File::open(file).and_then(bytes)
    };
    let wrong = |why: &str| Failure::new(Exit::Usage, format!("{}: {why}", file.display()));
    let bytes = bytes.map_err(|error| wrong(&format!("it cannot be read: {error}")))?;
    if bytes.len() > LONGEST {
        return Err(wrong("it is longer than 256 KiB: cut the script out of it"));
    }
    decoded(bytes).ok_or_else(|| wrong("it is no text: save it as UTF-8"))
}

fn bytes(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// UTF-8, or UTF-16 with its mark, as Management Studio saves scripts.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let text = match bytes.strip_prefix(&[0xff, 0xfe]) {
        Some(wide) => {
            let (pairs, odd) = wide.as_chunks::<2>();
            let units: Vec<_> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            String::from_utf16(&units).ok().filter(|_| odd.is_empty())?
        }
        None => String::from_utf8(bytes).ok()?,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    (!text.contains('\0')).then(|| text.to_owned())
}

impl From<LintDialect> for Dialect {
    fn from(dialect: LintDialect) -> Self {
        match dialect {
            LintDialect::Postgres => Self::Postgres,
            LintDialect::MySql => Self::MySql,
            LintDialect::Sqlite => Self::Sqlite,
            LintDialect::SqlServer => Self::SqlServer,
            LintDialect::Oracle => Self::Oracle,
        }
    }
}

/// Scripts have some kilobytes, pages some hundred; a dump is neither, and takes minutes.
const LONGEST: usize = 1 << 18;
