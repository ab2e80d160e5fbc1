//! `cleanup lint`: scripts with the known mistakes, scripts without any, and the program around it. Each line of
//! `tests/lint/wrong` that is wrong ends with the codes that are expected of it.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tokenkeeper_worker::cleanup::{
    dialect::Dialect,
    lint::{Code, Lint, Wish, lint},
    policy::shipped,
    script::script,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(text: &str, dialect: Option<Dialect>, tables: &[String]) -> Lint {
    lint(text, &Wish { dialect, tables, policies: &shipped().unwrap() })
}

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    assert!(!files.is_empty(), "{folder}");
    files
}

/// The lines of a file that say what is expected of them, with the codes.
fn expected(text: &str) -> BTreeSet<(u64, String)> {
    let lines =
        (1..).zip(text.lines()).filter_map(|(at, line)| Some((at, line.split_once("expect: ")?.1)));
    lines
        .flat_map(|(at, codes)| codes.split(", ").map(move |code| (at, code.trim().to_owned())))
        .collect()
}

fn told(lint: &Lint) -> BTreeSet<(u64, String)> {
    lint.findings.iter().map(|found| (found.line, found.code.as_str().to_owned())).collect()
}

#[test]
fn each_known_mistake_is_told_on_its_line_and_nothing_else_is() {
    let mut seen = BTreeSet::new();
    for (path, text) in files("tests/lint/wrong") {
        let lint = read(&text, None, &[]);
        assert_eq!(told(&lint), expected(&text), "{}: {lint:#?}", path.display());
        seen.extend(lint.findings.iter().map(|found| found.code));
        for found in &lint.findings {
            assert!(!found.why.is_empty() && !found.mended.is_empty(), "{found:?}");
        }
    }
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no file has {missing:?}");
}

#[test]
fn right_scripts_are_passed_over_in_silence() {
    let mut all = files("tests/lint/right");
    for database in ["mysql", "postgres", "sqlite"] {
        all.extend(files(&format!("migrations/{database}")));
    }
    let now = "2026-07-01T12:00:00Z".parse().unwrap();
    for policy in shipped().unwrap().values() {
        for dialect in [Dialect::SqlServer, Dialect::Oracle] {
            let text = script(policy, dialect, now);
            all.extend(
                text.map(|text| (PathBuf::from(format!("{} {dialect}", policy.name)), text)),
            );
        }
    }
    for (path, text) in all {
        let lint = read(&text, None, &[]);
        assert_eq!(lint.findings, [], "{}", path.display());
    }
}

#[test]
fn the_dialect_and_tables_that_are_named_count() {
    let text = "DELETE FROM logins WHERE ends_at < now()";
    assert_eq!(read(text, None, &[]).findings, []);
    let named = read(text, Some(Dialect::MySql), &["Logins".to_owned()]);
    assert_eq!(told(&named), BTreeSet::from([(1, "unbounded-delete".to_owned())]));
    assert!(named.findings[0].mended.contains("LIMIT 1000"), "{named:?}");
    assert!(named.notes.iter().any(|note| note.what.contains("UTC_TIMESTAMP()")), "{named:?}");
}

#[test]
fn the_tables_own_types_say_whether_a_clock_fits() {
    let with = |declared: &str| {
        let text = format!(
            "CREATE TABLE sessions (id int, ends_at {declared});\nDELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ends_at < now() LIMIT 9)"
        );
        told(&read(&text, Some(Dialect::Postgres), &[]))
    };
    assert!(with("timestamp with time zone").is_empty());
    assert_eq!(with("timestamp"), BTreeSet::from([(2, "session-clock".to_owned())]));
}

#[test]
fn a_page_without_its_line_ends_is_read_all_the_same() {
    let filler = "-- ******************************** ".repeat(9);
    let text = format!(
        "USE [msdb] GO {filler}DECLARE @sql nvarchar(max) = N'DELETE FROM ClientAccessTokens WHERE Expiration < GETUTCDATE()'"
    );
    let lint = read(&text, None, &[]);
    assert_eq!(told(&lint), BTreeSet::from([(1, "unbounded-delete".to_owned())]));
    assert!(lint.notes.iter().any(|note| note.what.contains("line ends")), "{lint:?}");
}

#[test]
fn what_no_script_should_hold_ends_soon_and_without_harm() {
    let deep = "(".repeat(20_000);
    let negated = "NOT ".repeat(5_000);
    let chain = "a < now() OR ".repeat(5_000);
    let quotes = "'".repeat(9_999);
    let many = "DELETE FROM tokens ".repeat(2_000);
    let bodies = "DO $$ DO $a$ ".repeat(1_000);
    for hostile in [&deep, &negated, &chain, &quotes, &many, &bodies] {
        read(&format!("DELETE FROM tokens WHERE {hostile}"), None, &[]);
        read(hostile, Some(Dialect::MySql), &[]);
    }
}

fn program(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tokenkeeper-worker"))
        .args(["cleanup", "lint"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_program_tells_and_ends_with_what_it_found() {
    let wrong = b"DELETE FROM ClientAccessTokens WHERE Expiration < GETDATE();";
    let found = program(&["-"], wrong);
    let (out, err) =
        (String::from_utf8(found.stdout).unwrap(), String::from_utf8(found.stderr).unwrap());
    assert_eq!(found.status.code(), Some(3), "{out}{err}");
    assert!(out.contains("-:1:51: session-clock: ") && out.contains("GETUTCDATE()"), "{out}");
    assert!(err.contains("SQL Server (guessed)"), "{err}");
    let none = program(&["-"], b"SELECT 1");
    assert_eq!(none.status.code(), Some(0), "{none:?}");
    assert!(none.stdout.is_empty());
    let wide: Vec<u8> = "\u{feff}DELETE FROM ClientAccessTokens"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(program(&["-"], &wide).status.code(), Some(3));
}

#[test]
fn in_json_a_file_is_an_object() {
    let found =
        program(&["--json", "--dialect", "sqlserver", "-"], b"DELETE FROM ClientAccessTokens");
    let object: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(object["findings"][0]["code"], "every-row", "{object}");
    assert_eq!(
        (&object["findings"][0]["line"], &object["findings"][0]["column"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&object["dialects"][0], &object["dialects_guessed"]),
        (&"sqlserver".into(), &false.into())
    );
    assert_eq!(found.status.code(), Some(3));
}

#[test]
fn what_is_no_text_is_refused() {
    for bytes in
        [&b"\xff\xfe\x00\xd8"[..], b"SELECT \xe4", b"SELECT '\0'", &vec![b' '; (1 << 18) + 1]]
    {
        assert_eq!(program(&["-"], bytes).status.code(), Some(2));
    }
    let missing = program(&["/nonexistent.sql"], b"");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("/nonexistent.sql"));
    assert_eq!(program(&[], b"").status.code(), Some(2));
}

#[test]
fn every_code_is_in_the_documents_and_the_samples_there_show_it() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/cleanup-lint.md")).unwrap();
    for code in Code::ALL {
        assert!(page.contains(&format!("| `{}` |", code.as_str())), "{}", code.as_str());
    }
    let lint = read(&page, None, &[]);
    assert_eq!(told(&lint), expected(&page), "{lint:#?}");
}
