//! Configurations and command lines that cannot be used: each ends with 2 before any provider is
//! asked, and its message names the place and says what to do. Secrets and keys have `bad_secrets`.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::host::{Host, ends, path, tells};
use crate::harness::programs::Finished;

/// A token's table that is whole, for one line to be added or exchanged.
pub const TOKEN: &str = "[tokens.edfi]\nprovider = \"oauth2\"\n\
     token_url = \"https://provider.invalid/token\"\ngrant = \"client_credentials\"\n\
     client_id = \"a\"\nclient_secret = { env = \"SECRET\" }\n";

#[test]
fn a_bad_line_of_the_configuration_is_told_with_file_and_line() {
    let cases: [(&str, usize, &[&str]); 14] = [
        ("databse_url = \"x\"\n", 1, &["databse_url"]),
        ("[run]\nworkers = 3\n", 2, &["workers"]),
        ("[tokens.a]\nprovider = \"oauth2\"\ncliet_id = \"a\"\n", 3, &["cliet_id"]),
        ("[tokens.\"a b\"]\nprovider = \"oauth2\"\n", 1, &["a b", "A-Z a-z 0-9"]),
        ("[tokens.-a]\nprovider = \"oauth2\"\n", 1, &["-a", "A-Z a-z 0-9"]),
        ("[tokens.a]\nprovider = \"saml\"\n", 2, &["quartile", "oauth2"]),
        ("[tokens.a]\nprovider = \"oauth2\"\n", 1, &["tokens.a", "is missing"]),
        ("[tokens.a]\nprovider = \"oauth2\"\nbase_url = \"x\"\n", 1, &["base_url", "quartile"]),
        ("[run]\ndeadline = \"soon\"\n", 2, &["15m"]),
        ("[run]\ndeadline = 5\n", 2, &["expected"]),
        ("[run]\nper_host = 0\n", 2, &["expected"]),
        ("seal = \"maybe\"\n", 1, &["on", "off"]),
        ("[run]\n[run]\n", 2, &["duplicate"]),
        ("[tokens.a]\nprovider = \n", 2, &[]),
    ];
    for (text, line, words) in cases {
        refused_at(text, line, words);
    }
    refused_at(&[TOKEN, TOKEN].concat(), 7, &["duplicate"]);
}

#[test]
fn an_address_that_credentials_must_not_go_to_is_refused() {
    let cases: [(&str, &[&str]); 7] = [
        ("http://provider.invalid/token", &["https", "loopback"]),
        ("http://127.0.0.1.provider.invalid/token", &["https", "loopback"]),
        ("ftp://provider.invalid/token", &["https://"]),
        ("provider.invalid/token", &["malformed"]),
        ("", &["malformed"]),
        ("https://a:canary@provider.invalid/token", &["credentials", "client_secret"]),
        ("https://provider.invalid/token#part", &["fragment"]),
    ];
    for (url, words) in cases {
        let text = TOKEN.replace("https://provider.invalid/token", url);
        let refused = refused_at(&text, 1, words);
        tells(&refused, &["tokens.edfi"]);
    }
}

#[test]
fn a_database_address_that_cannot_be_used_is_refused_and_not_shown() {
    let cases: [(&str, &[&str]); 8] = [
        ("mssql://sa:canary@h/db", &["mssql", "postgres", "sqlite", "mysql"]),
        ("postgresql+asyncpg://u:canary@h/db", &["postgresql+asyncpg", "postgresql"]),
        ("canary", &["no scheme", "sqlite://PATH"]),
        ("postgres://u:canary@h", &["names no database"]),
        ("postgres://u:canary@h:port/db", &["malformed"]),
        ("mysql://u:canary@/db", &["malformed"]),
        ("sqlite::memory:", &["name a file"]),
        ("sqlite://", &["names no file"]),
    ];
    for (url, words) in cases {
        let host = Host::new().with("DATABASE_URL", url);
        for finished in both(&host) {
            tells(&finished, words);
            tells(&finished, &["DATABASE_URL"]);
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

#[test]
fn a_configuration_that_is_not_there_is_told_how_to_make_it() {
    let host = Host::new().with("TOKENKEEPER_CONFIG", "/nonexistent.toml");
    for finished in both(&host) {
        tells(&finished, &["/nonexistent.toml", "tokenkeeper-worker init"]);
    }
    let host = Host::new();
    let folder = host.home().join("tokenkeeper.toml");
    std::fs::create_dir(folder).unwrap();
    for finished in both(&host) {
        tells(&finished, &["tokenkeeper.toml", "cannot be read"]);
    }
    let nothing = Host::new().work(2, &["run"]);
    tells(&nothing, &["no token is configured", "tokenkeeper-worker init"]);
}

#[test]
fn an_address_that_is_no_text_is_not_taken_for_none() {
    let address = OsStr::from_bytes(b"postgres://u:canary\xff@127.0.0.1:1/db");
    let host = Host::new();
    host.configure(TOKEN);
    for program in [host.worker(&["run"]), host.consumer(&["list"])] {
        let finished = ends(2, program.env("DATABASE_URL", address).run());
        tells(&finished, &["DATABASE_URL"]);
        assert!(!finished.stderr.contains("canary"), "{finished:?}");
    }
    assert!(!host.state_folder().exists(), "another database was made");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    for name in [
        "DATABASE_URL",
        "TOKENKEEPER_DATABASE_URL",
        "TOKENKEEPER_KEY",
        "TOKENKEEPER_SEAL",
        "TOKENKEEPER_LOG",
        "TOKENKEEPER_CONFIG",
    ] {
        let host = Host::new();
        host.work(0, &["init"]);
        let host = host.with(name, "");
        host.work(0, &["status"]);
        host.consume(0, &["list"]);
    }
}

#[test]
fn a_bad_command_line_is_told_with_its_usage() {
    let host = Host::new();
    for arguments in [&["run", "bad name"][..], &["refresh", "a/b"], &["refresh", ""]] {
        let refused = host.work(2, arguments);
        tells(&refused, &["cannot name a token", "A-Z a-z 0-9"]);
    }
    tells(&host.work(2, &["run", "--log", "loud"]), &["loud", "--log"]);
    tells(&host.consume(2, &["get", "../a"]), &["cannot name a token"]);
    tells(&host.consume(2, &["get", "a", "--wait", "long"]), &["--wait"]);
}

#[test]
fn a_database_in_a_folder_that_is_not_there_names_the_folder() {
    let host = Host::new().with("DATABASE_URL", "sqlite:///nonexistent/folder/tokens.db");
    host.configure(TOKEN);
    let run = host.work(2, &["run"]);
    tells(&run, &["/nonexistent/folder", "make it"]);
    assert!(!host.config_folder().join("key").exists(), "no key is left behind");
}

/// Both programs on this host; each must end with 2.
pub fn both(host: &Host) -> [Finished; 2] {
    let work = ends(2, host.worker(&["status"]).run());
    [work, ends(2, host.consumer(&["list"]).run())]
}

/// A run with this configuration, which must be refused at this line without its values.
#[track_caller]
pub fn refused_at(text: &str, line: usize, words: &[&str]) -> Finished {
    let host = Host::new().with("SECRET", "canary");
    let file = host.configure(text);
    let run = host.work(2, &["run"]);
    tells(&run, words);
    tells(&run, &[&format!("{}, line {line}:", path(&file))]);
    assert!(!run.stderr.contains("canary"), "{run:?}");
    assert!(!host.state_folder().exists(), "nothing was made");
    run
}
