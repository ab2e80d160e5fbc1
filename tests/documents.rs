//! The samples and tables in the documents, held against the code that they describe.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use tokenkeeper_shared::{
    exit::Exit,
    settings::{ConfigFile, Environment, Paths},
};
use tokenkeeper_worker::{config::Config, outcome::Class};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn document(name: &str) -> String {
    fs::read_to_string(PathBuf::from(ROOT).join(name)).unwrap()
}

/// The fenced blocks of one language.
fn samples(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let indented = |block: &str| block.split("```").next().unwrap().replace("\n   ", "\n");
    text.split(&fence).skip(1).map(indented).collect()
}

/// The first cell of each row of the document's tables, without its back quotes.
fn first_cells(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().replace('`', "")).collect()
}

fn parse(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenkeeper.toml");
    fs::write(&path, text).unwrap();
    let environment = Environment::default();
    let file = ConfigFile::find(Some(path), &environment, &Paths::of(&environment)).unwrap();
    Config::of_file(&file.unwrap()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_configuration_sample_is_understood() {
    for name in ["README.md", "docs/configuration.md", "docs/daemon.md"] {
        let samples = samples(&document(name), "toml");
        assert!(!samples.is_empty(), "{name} has no sample");
        for sample in samples {
            parse(&sample);
        }
    }
    let full = parse(&samples(&document("docs/configuration.md"), "toml")[0]);
    let names: Vec<_> = full.tokens.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["crm", "edfi", "old-server", "quartile"]);
}

#[test]
fn the_configuration_that_init_writes_is_understood_as_it_is_and_uncommented() {
    let sample = document("worker/src/cli/sample.toml");
    assert!(parse(&sample).tokens.is_empty());
    let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    let settings: Vec<_> = sample.lines().filter(is_setting).map(|line| &line[1..]).collect();
    assert_eq!(parse(&settings.join("\n")).tokens.len(), 2);
}

#[test]
fn the_exit_codes_are_those_of_the_programs() {
    let exits = [
        Exit::Ok,
        Exit::Internal,
        Exit::Usage,
        Exit::Partly,
        Exit::NeedsHuman,
        Exit::NoValidToken,
        Exit::NoSuchName,
        Exit::Temporary,
        Exit::Busy,
        Exit::Schema,
    ];
    let text = document("docs/exit-codes.md");
    for exit in exits {
        let kind = serde_json::to_value(exit).unwrap();
        let row = format!("| {} | `{}` |", exit.code(), kind.as_str().unwrap());
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn every_class_of_failure_is_told() {
    let cells = first_cells(&document("docs/exit-codes.md"));
    let classes = [
        Class::NotSent,
        Class::Uncertain,
        Class::Throttled,
        Class::Rejected,
        Class::Misconfigured,
        Class::Configuration,
        Class::LoginRefused,
    ];
    for class in classes.map(Class::as_str).into_iter().chain(["partial", "not_stored"]) {
        assert!(cells.iter().any(|cell| cell == class), "{class}");
    }
}

#[test]
fn the_schema_page_names_every_column_and_no_other() {
    let page = document("docs/schema.md");
    for (table, file) in [
        ("tokens", "0001_tokens"),
        ("token_events", "0003_token_events"),
        ("last_run", "0004_last_run"),
        ("cleanup_totals", "0005_cleanup_totals"),
    ] {
        let section = page.split(&format!("## Table `{table}`")).nth(1).unwrap();
        let cells = first_cells(section.split("\n## ").next().unwrap());
        let told: BTreeSet<_> = cells.into_iter().filter(|cell| cell != "column").collect();
        for database in ["sqlite", "postgres", "mysql"] {
            let sql = document(&format!("migrations/{database}/{file}.sql"));
            assert_eq!(columns(&sql), told, "{table}, {database}");
        }
    }
}

/// The columns of the table that a file of migrations makes first: its lines indented by four.
fn columns(sql: &str) -> BTreeSet<String> {
    let table = sql.split("\n)").next().unwrap();
    let lines = table.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let words = lines.map(|line| line.split_whitespace().next().unwrap());
    words.filter(|word| !["--", "INDEX"].contains(word)).map(str::to_owned).collect()
}

#[test]
fn every_key_of_a_token_is_in_the_configuration_page() {
    let page = document("docs/configuration.md");
    let source = document("worker/src/config/table.rs");
    let table = source.split("pub(super) struct TokenTable {").nth(1).unwrap();
    let fields = table.split("\n}").next().unwrap().lines().filter(|line| line.contains(": "));
    for key in fields.map(|line| line.trim().split(':').next().unwrap()) {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn every_key_of_a_clean_up_is_in_the_daemons_page() {
    let page = document("docs/daemon.md");
    let source = document("worker/src/config/cleanup.rs");
    let table = source.split("pub(super) struct CleanupTable {").nth(1).unwrap();
    let fields = table.split("\n}").next().unwrap().lines().filter(|line| line.contains(": "));
    for key in fields.map(|line| line.trim().split(':').next().unwrap()) {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn every_code_of_the_microservice_is_told() {
    let page = document("docs/server.md");
    let description: serde_json::Value =
        serde_json::from_str(&document("consumer/src/serve/openapi.json")).unwrap();
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    let codes = problem["code"]["enum"].as_array().unwrap();
    assert!(!codes.is_empty());
    for code in codes {
        assert!(page.contains(&format!("| `{}` |", code.as_str().unwrap())), "{code}");
    }
    for path in description["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!(" {path}` |")), "{path}");
    }
}
