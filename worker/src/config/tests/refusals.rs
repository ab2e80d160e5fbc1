//! What is refused: each message names the line and what to do, and holds no secret.

use super::*;

fn refused(text: &str) -> String {
    let message = match load(text) {
        Ok(config) => panic!("accepted:\n{text}\n{config:?}"),
        Err(error) => error.to_string(),
    };
    assert!(!message.contains("canary"), "{message}");
    message
}

/// What is said of a file, which must name this line and these words.
fn refused_at(line: usize, words: &[&str], text: &str) {
    let message = refused(text);
    assert!(message.contains(&format!("tokenkeeper.toml, line {line}:")), "{message}\n{text}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

const OAUTH2: &str =
    "[tokens.t]\nprovider = \"oauth2\"\ntoken_url = \"https://h.test/t\"\nclient_id = \"i\"\n";

/// An `OAuth2` table whose further lines begin at line 5.
fn oauth2_with(lines: &str) -> String {
    format!("{OAUTH2}{lines}\n")
}

#[test]
fn an_unknown_key_is_told_with_its_line() {
    refused_at(6, &["pasword"], &quartile_with("pasword = \"canary\""));
    refused_at(5, &["client_screet"], &oauth2_with("client_screet = \"canary\""));
    refused_at(3, &["perhost"], "[run]\ndeadline = \"1m\"\nperhost = 1\n");
    refused_at(2, &["tokns"], "\ntokns = 1\n");
}

#[test]
fn a_word_that_is_none_of_those_known_is_not_repeated() {
    refused_at(1, &["expected `on` or `off`"], "seal = \"canary\"\n");
    refused_at(2, &["expected `quartile` or `oauth2`"], "[tokens.t]\nprovider = \"canary\"\n");
    refused_at(5, &["`client_credentials`"], &oauth2_with("grant = \"canary\""));
}

#[test]
fn a_missing_key_is_told_for_each_provider_and_grant() {
    let quartile = |without: &str| {
        let lines = quartile_with("");
        let kept: Vec<_> = lines.lines().filter(|line| !line.starts_with(without)).collect();
        kept.join("\n")
    };
    for key in ["subscription_key", "username", "password"] {
        let words = ["[tokens.q]", &format!("`{key}` is missing")];
        refused_at(1, &words, &quartile(key));
    }
    for (key, lines) in [
        ("grant", ""),
        ("client_secret", "grant = \"client_credentials\""),
        ("username", "grant = \"password\"\npassword = { env = \"P\" }"),
        ("password", "grant = \"password\"\nusername = \"u\""),
        ("refresh_token", "grant = \"refresh_token\""),
    ] {
        refused_at(1, &["[tokens.t]", &format!("`{key}` is missing")], &oauth2_with(lines));
    }
    let grant = "grant = \"refresh_token\"\nrefresh_token = { env = \"F\" }\n";
    refused_at(
        1,
        &["`client_id`"],
        &format!("[tokens.t]\nprovider = \"oauth2\"\ntoken_url = \"https://h/t\"\n{grant}"),
    );
    refused_at(
        1,
        &["`token_url`"],
        &format!("[tokens.t]\nprovider = \"oauth2\"\nclient_id = \"i\"\n{grant}"),
    );
    refused_at(2, &["provider"], "\n[tokens.t]\nusername = \"u\"\n");
}

#[test]
fn a_key_of_the_other_provider_is_refused() {
    for (key, value) in [
        ("token_url", "\"https://h.test/t\""),
        ("grant", "\"password\""),
        ("client_id", "\"i\""),
        ("client_secret", "{ env = \"S\" }"),
        ("client_auth", "\"post\""),
        ("scope", "\"s\""),
        ("resource", "\"r\""),
        ("audience", "\"a\""),
        ("refresh_token", "{ env = \"R\" }"),
        ("parameters", "{ a = \"b\" }"),
    ] {
        let words = [format!("`{key}` belongs to provider \"oauth2\""), "take it out".to_owned()];
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        refused_at(1, &words, &quartile_with(&format!("{key} = {value}")));
    }
    let grant = "grant = \"client_credentials\"\nclient_secret = { env = \"S\" }\n";
    for (key, value) in [
        ("base_url", "\"https://h.test\""),
        ("version", "\"v2\""),
        ("subscription_key", "{ env = \"K\" }"),
    ] {
        let words = format!("`{key}` belongs to provider \"quartile\"");
        refused_at(1, &[&words], &oauth2_with(&format!("{grant}{key} = {value}")));
    }
}

#[test]
fn a_key_of_another_grant_is_refused() {
    // Silently ignored, they would let people believe in a login that never happens.
    let password = "username = \"u\"\npassword = { env = \"P\" }\n";
    let machine = "grant = \"client_credentials\"\nclient_secret = { env = \"S\" }\n";
    let brought = "grant = \"refresh_token\"\nrefresh_token = { env = \"F\" }\n";
    refused_at(1, &["username"], &oauth2_with(&format!("{machine}{password}")));
    refused_at(1, &["username"], &oauth2_with(&format!("{brought}{password}")));
    refused_at(
        1,
        &["refresh_token"],
        &oauth2_with(&format!("{machine}refresh_token = {{ env = \"F\" }}")),
    );
}

#[test]
fn an_address_that_credentials_must_not_go_to_is_refused() {
    for (url, word) in [
        ("http://example.com/t", "credentials need https"),
        ("ftp://example.com/t", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("https://canary-u:canary-p@example.com/t", "holds credentials"),
        ("https://canary-u@example.com/t", "holds credentials"),
        ("http://canary-u:canary-p@example.com/t", "credentials need https"),
        ("https://example.com/t#canary", "fragment"),
        ("https://canary-u:canary-p@exa mple.com/t", "malformed"),
        ("example.com/canary", "malformed"),
        ("https://", "malformed"),
        ("", "malformed"),
    ] {
        let grant = "grant = \"refresh_token\"\nrefresh_token = { env = \"F\" }";
        let table = format!(
            "[tokens.t]\nprovider = \"oauth2\"\nclient_id = \"i\"\ntoken_url = \"{url}\"\n{grant}\n"
        );
        refused_at(1, &["[tokens.t]", word], &table);
    }
    refused_at(
        1,
        &["holds credentials"],
        &quartile_with("base_url = \"https://u:canary@h.test/auth\""),
    );
    refused_at(1, &["fragment"], &quartile_with("base_url = \"https://h.test/auth#canary\""));
}

#[test]
fn words_and_numbers_out_of_place_are_told_with_their_line() {
    refused_at(1, &["\"v2\" or \"v3\""], &quartile_with("version = \"v4\""));
    refused_at(1, &["\"v2\" or \"v3\""], &quartile_with("version = \"\""));
    refused_at(2, &["quartile", "oauth2"], "[tokens.t]\nprovider = \"quartil\"\n");
    refused_at(5, &["client_credentials", "password"], &oauth2_with("grant = \"implicit\""));
    refused_at(5, &["basic", "post"], &oauth2_with("client_auth = \"header\""));
    for bad in
        ["\"soon\"", "\"-5m\"", "\"90\"", "\"\"", "\"1 fortnight\"", "\"99999999999999999999y\""]
    {
        for key in ["refresh_before", "default_lifetime", "replay_window"] {
            let words = ["a duration is written like", "15m"];
            refused_at(6, &words, &quartile_with(&format!("{key} = {bad}")));
        }
        refused_at(2, &["a duration is written like"], &format!("[run]\ndeadline = {bad}\n"));
    }
    refused_at(6, &["string"], &quartile_with("refresh_before = 90"));
    for bad in ["0", "-1", "65536", "\"16\"", "1.5"] {
        refused_at(2, &["u16"], &format!("[run]\nper_host = {bad}\n"));
    }
}

#[test]
fn a_secret_in_clear_is_refused_and_not_repeated() {
    let hint = ["{ env = \"NAME\" }", "{ file = \"PATH\" }"];
    let table = |key: &str| format!("[tokens.q]\nprovider = \"quartile\"\n{key} = \"canary\"\n");
    for key in ["subscription_key", "password", "client_secret", "refresh_token"] {
        refused_at(3, &hint, &table(key));
        refused_at(3, &hint, &table(key).replace("\"canary\"", "{ value = \"canary\" }"));
        refused_at(
            3,
            &hint,
            &table(key).replace("\"canary\"", "{ env = \"A\", file = \"canary\" }"),
        );
        refused_at(3, &[], &table(key).replace("\"canary\"", "[\"canary\"]"));
    }
    refused_at(
        3,
        &["{ env = \"NAME\" }"],
        &table("username").replace("\"canary\"", "{ value = \"canary\" }"),
    );
    refused_at(3, &[], "[tokens.q]\nprovider = \"quartile\"\npassword = \"canary\n");
    refused_at(3, &[], "[tokens.q]\nprovider = \"quartile\"\npassword = canary\n");
}

#[test]
fn what_the_grant_sends_itself_is_no_parameter() {
    let grant = "grant = \"refresh_token\"\nrefresh_token = { env = \"F\" }\n";
    let reserved = [
        "grant_type",
        "client_id",
        "client_secret",
        "username",
        "password",
        "refresh_token",
        "scope",
        "resource",
        "audience",
        "client_assertion",
    ];
    for name in reserved {
        let words = format!("parameter `{name}`");
        refused_at(
            1,
            &[&words],
            &oauth2_with(&format!("{grant}parameters = {{ {name} = \"canary\" }}")),
        );
    }
}

#[test]
fn a_name_stands_once_and_in_the_permitted_alphabet() {
    let table = quartile_with("");
    refused_at(6, &["duplicate"], &format!("{table}{}", table.trim_start()).replace("\n\n", "\n"));
    for name in ["a b", "-a", "a/b", "ä", "", "a\\nb"] {
        let text = format!("\n\n{}", table.replace("[tokens.q]", &format!("[tokens.\"{name}\"]")));
        refused_at(3, &["cannot name a token", "A-Z a-z 0-9"], &text);
    }
    refused_at(
        1,
        &["cannot name a token"],
        &table.replace("[tokens.q]", &format!("[tokens.{}]", "n".repeat(129))),
    );
}

#[test]
fn a_header_that_http_does_not_allow_is_refused() {
    for name in ["X Tenant", "X:Y", "", "X\\nY", "ä"] {
        let lines = format!("headers = {{ \"{name}\" = \"canary\" }}");
        refused_at(1, &["header"], &quartile_with(&lines));
    }
}

#[test]
fn the_line_is_that_of_the_table_at_fault() {
    let good = quartile_with("");
    let text = format!("{good}\n# a comment\n\n{}", oauth2_with("grant = \"password\""));
    let line = text.lines().position(|line| line == "[tokens.t]").unwrap() + 1;
    refused_at(line, &["[tokens.t]", "`username`"], &text);
}
