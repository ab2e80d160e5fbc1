//! Secrets and keys that cannot be had or used: what is told, and that nothing is spent, shown or
//! left behind for it.

use tokenkeeper_worker::sandbox::Settings;

use super::{
    bad_input::{TOKEN, both, refused_at},
    host::{Host, path, set_mode, tells},
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::databases::Kind;

#[test]
fn a_secret_in_clear_is_refused_and_not_repeated() {
    let reference = &["reference", "env", "file", "command", "credential"];
    let text = TOKEN.replace("{ env = \"SECRET\" }", "\"canary\"");
    refused_at(&text, 6, reference);
    refused_at("key = \"canary\"\n", 1, reference);
    refused_at(&TOKEN.replace("{ env =", "{ vault ="), 6, reference);
}

#[test]
fn an_address_with_a_password_is_refused_at_its_line() {
    for url in ["postgres://u:canary@h/db", "mysql://h/db?password=canary"] {
        let text = ["\n", "database_url = \"", url, "\"\n", TOKEN].concat();
        refused_at(&text, 2, &["database_url", "password", "reference"]);
    }
    let text = ["database_url = \"mssql://h/db\"\n", TOKEN].concat();
    refused_at(&text, 1, &["database_url", "mssql", "postgres"]);
}

#[test]
fn a_secret_that_is_not_there_is_told_by_its_name() {
    for (reference, words) in ABSENT {
        let host = Host::new();
        host.configure(&TOKEN.replace("{ env = \"SECRET\" }", reference));
        let run = host.worker(&["run"]).run();
        tells(&run, &["edfi", "client_secret", words]);
    }
    let host = Host::new().with("SECRET", "canary").with("SECRET_FILE", "/tmp/x");
    host.configure(TOKEN);
    let run = host.worker(&["run"]).run();
    tells(&run, &["edfi", "both SECRET and SECRET_FILE", "unset one"]);
}

#[test]
fn a_secret_that_is_not_there_is_a_mistake_in_the_configuration() {
    for (reference, _) in ABSENT {
        let host = Host::new();
        host.configure(&TOKEN.replace("{ env = \"SECRET\" }", reference));
        host.work(2, &["run"]);
    }
}

#[test]
fn a_secret_that_has_come_is_used_by_the_next_run() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let host = stage.host.with("SANDBOX_PASSWORD", "");
    let run = host.work(2, &["run"]);
    tells(&run, &["neither SANDBOX_PASSWORD nor SANDBOX_PASSWORD_FILE"]);
    assert_eq!(stage.sandbox.counts().exchanges, 0);
    let host = host.with("SANDBOX_PASSWORD", "sandbox-password");
    sql::wait_until_due(&stage.database);
    let run = host.work(0, &["run"]);
    assert_eq!(run.stdout, "1 logged in\n");
}

#[test]
fn a_variable_and_its_file_exclude_each_other() {
    for name in ["TOKENKEEPER_DATABASE_URL", "DATABASE_URL", "TOKENKEEPER_KEY"] {
        let file = format!("{name}_FILE");
        let host = Host::new().with(name, "canary").with(&file, "/tmp/canary");
        for finished in both(&host) {
            tells(&finished, &[name, &file, "unset one"]);
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_named_with_what_to_do() {
    let host = Host::new();
    let open = host.write("open.key", "tokenkeeper-worker-key.canary\n");
    set_mode(&open, 0o604);
    let no_key = host.write("no.key", "# only a comment\n");
    let broken = host.write("broken.key", "tokenkeeper-worker-key.canary\n");
    let folder = host.home().join("config");
    let missing = host.home().join("missing.key");
    for (file, words) in [
        (&open, &["everybody can read", "chmod 600"][..]),
        (&no_key, &["no key", "key new"]),
        (&broken, &["line 1", "key new"]),
        (&folder, &["cannot be read"]),
        (&missing, &["cannot be read"]),
    ] {
        let host = Host::new().with("TOKENKEEPER_KEY_FILE", path(file));
        for finished in both(&host) {
            tells(&finished, words);
            tells(&finished, &[path(file)]);
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

#[test]
fn opposite_and_unknown_wishes_about_sealing_are_refused() {
    let host = Host::new().with("TOKENKEEPER_SEAL", "maybe");
    for finished in both(&host) {
        tells(&finished, &["TOKENKEEPER_SEAL", "on or off"]);
    }
    let host = Host::new();
    let key = host.make_key();
    let host = host.with("TOKENKEEPER_SEAL", "off").with("TOKENKEEPER_KEY_FILE", path(&key));
    for finished in both(&host) {
        tells(&finished, &["key", "off"]);
    }
}

#[test]
fn what_no_header_can_carry_is_a_mistake_in_the_configuration() {
    let sandbox = start(Settings::default());
    let host = host_of(&sandbox, &["quartile"]).with("SANDBOX_KEY", "can\nary");
    let run = host.work(2, &["run"]);
    tells(&run, &["quartile", "(configuration)", "Subscription-Key"]);
    assert!(!run.stderr.contains("ary"), "{run:?}");
}

#[test]
fn a_certificate_file_that_is_not_there_is_a_mistake_in_the_configuration() {
    let host = Host::new().with("SECRET", "canary");
    host.configure(&[TOKEN, "ca_file = \"/nonexistent/ca.pem\"\n"].concat());
    let run = host.work(2, &["run"]);
    tells(&run, &["edfi", "(configuration)", "/nonexistent/ca.pem"]);
}

/// References that lead nowhere, and what is told of each.
const ABSENT: [(&str, &str); 5] = [
    ("{ env = \"SECRET\" }", "neither SECRET nor SECRET_FILE"),
    ("{ file = \"/nonexistent/secret\" }", "/nonexistent/secret"),
    ("{ command = [\"/nonexistent/program\"] }", "/nonexistent/program"),
    ("{ command = [\"false\"] }", "failed"),
    ("{ credential = \"edfi\" }", "LoadCredential="),
];
