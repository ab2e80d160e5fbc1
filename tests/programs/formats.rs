//! What `get` prints, as the programs read it that it is printed for: shells, readers of variables'
//! files, curl. Those that call `get` themselves have `helpers`.

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, only_line, tells},
    sql,
    stage::Stage,
};
use crate::harness::databases::Kind;

/// A token whose type and scope want to be run.
fn hostile() -> (Stage, String) {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let spoil =
        format!("UPDATE tokens SET token_type = '{TYPE}', scope = '{}'", SCOPE.replace('\'', "''"));
    sql::run(&stage.database, &spoil);
    let token = stage.host.get("quartile");
    (stage, token)
}

#[test]
fn shells_take_the_variables_and_run_nothing_of_them() {
    let (stage, token) = hostile();
    let expected = format!("{token}\n{TYPE}\n{SCOPE}\n");
    for (shell, format, take) in [
        ("sh", "env", r#"eval "$(GET)""#),
        ("bash", "env", r#"eval "$(GET)""#),
        ("zsh", "env", r#"eval "$(GET)""#),
        ("bash", "env", "source <(GET)"),
        ("fish", "fish", "GET | source"),
    ] {
        let take =
            take.replace("GET", &format!("tokenkeeper-consumer get quartile --format {format}"));
        let show = "env | sed -n 's/^QUARTILE_TOKEN_EXPIRES_AT=//p'";
        let script = format!(
            "{take}\nprintf '%s\\n' \"$QUARTILE_TOKEN\" \"$QUARTILE_TOKEN_TYPE\" \"$QUARTILE_TOKEN_SCOPE\"\n{show}"
        );
        let said = stage.host.says(shell, &script);
        let (values, end) = said.split_at(expected.len());
        assert_eq!(values, expected, "{shell}: {take}");
        assert_eq!(only_line(end), stage.host.status("quartile")["expires_at"], "{shell}: {take}");
        assert!(!stage.host.home().join("made").exists(), "{shell}: {take}");
    }
}

#[test]
fn readers_of_a_file_of_variables_take_the_values_as_they_are() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let scope = "$HOME $(id) #read `id` \"x\"";
    sql::run(&stage.database, &format!("UPDATE tokens SET scope = '{scope}'"));
    stage.host.says("sh", "tokenkeeper-consumer get quartile --format dotenv > token.env");
    let expected = format!("{}\nBearer\n{scope}\n", stage.host.get("quartile"));
    let by_library = stage.host.says(
        "sh",
        "/usr/bin/python3 -c \"
from dotenv import dotenv_values
read = dotenv_values('token.env')
for name in ['QUARTILE_TOKEN', 'QUARTILE_TOKEN_TYPE', 'QUARTILE_TOKEN_SCOPE']: print(read[name])
\"",
    );
    assert_eq!(by_library, expected);
    let by_shell = stage.host.says("sh", ". ./token.env; printf '%s\\n' \"$QUARTILE_TOKEN\" \"$QUARTILE_TOKEN_TYPE\" \"$QUARTILE_TOKEN_SCOPE\"");
    assert_eq!(by_shell, expected);
}

#[test]
fn a_quote_is_not_written_where_readers_differ() {
    let (stage, _) = hostile();
    let refused = stage.host.consume(5, &["get", "quartile", "--format", "dotenv"]);
    assert_eq!(refused.stdout, "");
    tells(&refused, &["\"quartile\"", "--format env"]);
}

#[test]
fn curl_takes_the_header_from_stdin() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let url = format!("{}/resource", stage.sandbox.url());
    let said = stage.host.says(
        "sh",
        &format!("tokenkeeper-consumer get quartile --format header | curl -sSf -H @- {url}"),
    );
    assert!(said.contains("opens this resource"), "{said}");
}

#[test]
fn a_type_that_would_add_a_header_is_refused() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    sql::run(&stage.database, "UPDATE tokens SET token_type = 'Bearer x\r\nX-Evil: 1'");
    for format in ["header", "env", "git-credential", "template={authorization}"] {
        let mut arguments = vec!["get", "quartile", "--format", format];
        arguments.extend((format == "git-credential").then_some("get"));
        let refused = stage.host.consume(5, &arguments);
        assert_eq!(refused.stdout, "", "{format}");
        tells(&refused, &["\"quartile\"", "--format json"]);
    }
    stage.host.consume(0, &["get", "quartile", "--json"]);
}

#[test]
fn a_template_is_filled() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let got = stage.host.consume(
        0,
        &["get", "quartile", "--format", "template={name}: {authorization} ({generation}) {{}}"],
    );
    assert_eq!(
        only_line(&got.stdout),
        format!("quartile: Bearer {} (1) {{}}", stage.host.get("quartile"))
    );
}

#[test]
fn a_format_that_is_none_is_told_with_those_that_are() {
    let host = Host::new();
    for (format, words) in [
        ("xml", &["xml", "raw, json, header", "docker-credential, or template="][..]),
        ("", &["raw, json"]),
        ("template", &["template=TEXT"]),
        ("template={secret}", &["{secret}", "{token} {authorization} {name}", "{generation}"]),
        ("template={token", &["{{"]),
    ] {
        let refused = host.consume(2, &["get", "quartile", "--format", format]);
        assert_eq!(refused.stdout, "", "{format}");
        tells(&refused, words);
    }
    tells(&host.consume(2, &["get", "quartile", "erase"]), &["erase", "git-credential"]);
}

const TYPE: &str = "$(touch${IFS}made);`touch${IFS}made`";
const SCOPE: &str = "'; touch made; ' \\'; touch made; \" $(touch made) `touch made` > made";
