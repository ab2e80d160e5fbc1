//! Bad and good configurations: what is said, and that no secret is.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::dialect::Dialect;

/// A home of its own, so that no file of this machine counts.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn load(&self, config: &str, pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let flag = self.file("t.toml", config).into();
        Settings::load(&self.environment(pairs), Some(flag))
    }

    fn environment(&self, pairs: &[(&str, &str)]) -> Environment {
        let home = self.0.path().display().to_string();
        Environment::of(pairs.iter().copied().chain([("HOME", home.as_str())]))
    }
}

fn refused(config: &str, pairs: &[(&str, &str)]) -> String {
    let message = Home::new().load(config, pairs).unwrap_err().to_string();
    assert!(!message.contains("canary"), "{message}");
    message
}

#[test]
fn without_any_setting_the_store_is_a_file_of_this_user() {
    let home = Home::new();
    let settings = Settings::load(&home.environment(&[]), None).unwrap();
    let expected = home.0.path().join(".local/state/tokenkeeper/tokenkeeper.db");
    assert_eq!(settings.database_url.file().unwrap(), expected);
    assert!(settings.database_is_default);
    assert!(matches!(settings.key, KeySetting::Missing { .. }));
}

#[test]
fn a_variable_goes_before_the_file_and_ours_before_the_common_one() {
    let config = "database_url = \"sqlite://in-file.db\"";
    let both = [("TOKENKEEPER_DATABASE_URL", "postgres://h/a"), ("DATABASE_URL", "mysql://h/b")];
    let dialect = |pairs: &[_]| Home::new().load(config, pairs).unwrap().database_url.dialect();
    assert_eq!(dialect(&both), Dialect::Postgres);
    assert_eq!(dialect(&both[1..]), Dialect::MySql);
    assert_eq!(dialect(&[]), Dialect::Sqlite);
}

#[test]
fn an_unknown_key_is_told_with_its_line() {
    let message = refused("seal = \"off\"\n\ndatabse_url = \"canary\"\n", &[]);
    assert!(message.contains("line 3") && message.contains("databse_url"), "{message}");
}

#[test]
fn a_table_given_twice_is_told_with_its_line() {
    let message = refused("[tokens.a]\n[tokens.b]\n[tokens.a]\n", &[]);
    assert!(message.contains("line 3"), "{message}");
}

#[test]
fn a_secret_written_in_clear_is_refused_and_not_repeated() {
    let message = refused("\nkey = \"canary\"", &[]);
    assert!(message.contains("line 2") && message.contains("{ env ="), "{message}");
    let message = refused("database_url = \"postgres://u:canary@h/d\"", &[]);
    assert!(message.contains("password"), "{message}");
    refused("database_url = \"postgres://h/d?password=canary\"", &[]);
    refused("seal = \"canary\"".replace("canary", "maybe").as_str(), &[]);
    refused("key = { env = \"A\", file = \"B\" }", &[]);
    refused("key = { vault = \"canary\" }", &[]);
}

#[test]
fn a_variable_and_its_file_together_are_refused() {
    let pairs = [("DATABASE_URL", "canary"), ("DATABASE_URL_FILE", "/canary")];
    let message = refused("", &pairs);
    assert!(message.contains("both DATABASE_URL and DATABASE_URL_FILE"), "{message}");
}

#[test]
fn a_secret_file_loses_its_last_line_end_only() {
    let home = Home::new();
    for (text, expected) in [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\n\n", "a\n"),
        ("\u{feff}a", "a"),
        (" a ", " a "),
    ] {
        let path = home.file("secret", text);
        assert_eq!(file::read_secret(Path::new(&path)).unwrap().expose(), expected);
    }
    let path = home.file("secret", "\n");
    assert!(file::read_secret(Path::new(&path)).unwrap_err().to_string().contains("empty"));
}

#[test]
fn a_key_file_that_everybody_can_read_is_refused_with_the_command_that_mends_it() {
    let home = Home::new();
    let path = home.file("key", Keyring::new_worker_key().expose());
    assert!(matches!(
        home.load("", &[("TOKENKEEPER_KEY_FILE", &path)]).unwrap().key,
        KeySetting::Given(_)
    ));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let message = home.load("", &[("TOKENKEEPER_KEY_FILE", &path)]).unwrap_err().to_string();
    assert!(message.contains("chmod 600"), "{message}");
}

#[test]
fn the_key_beside_the_configuration_is_found_and_seal_off_leaves_it_alone() {
    let home = Home::new();
    home.file(".config/tokenkeeper/key", Keyring::new_worker_key().expose());
    assert!(matches!(home.load("", &[]).unwrap().key, KeySetting::Given(_)));
    assert!(matches!(home.load("seal = \"off\"", &[]).unwrap().key, KeySetting::Off));
    assert!(matches!(home.load("", &[("TOKENKEEPER_SEAL", "off")]).unwrap().key, KeySetting::Off));
}

#[test]
fn a_key_and_seal_off_contradict_each_other() {
    let key = Keyring::new_worker_key();
    refused("seal = \"off\"", &[("TOKENKEEPER_KEY", key.expose())]);
}

#[test]
fn a_named_configuration_that_is_not_there_is_an_error() {
    let home = Home::new();
    let missing = home.0.path().join("none.toml");
    let error = Settings::load(&home.environment(&[]), Some(missing)).unwrap_err().to_string();
    assert!(error.contains("none.toml") && error.contains("init"), "{error}");
}

#[test]
fn a_reference_is_followed_to_its_secret() {
    let home = Home::new();
    let path = home.file("secret", "from-file\n");
    let environment = home.environment(&[
        ("HERE", "from-env"),
        ("CREDENTIALS_DIRECTORY", &home.0.path().display().to_string()),
    ]);
    for (reference, expected) in [
        (SecretRef::Env("HERE".into()), "from-env"),
        (SecretRef::File(path.into()), "from-file"),
        (SecretRef::Credential("secret".into()), "from-file"),
        (SecretRef::Command(vec!["echo".into(), "from-command".into()]), "from-command"),
    ] {
        assert_eq!(reference.resolve(&environment, "x").unwrap().expose(), expected);
    }
}

#[test]
fn a_reference_that_leads_nowhere_names_its_owner_and_the_place() {
    let environment = Environment::default();
    for (reference, place) in [
        (SecretRef::Env("NOT_SET".into()), "NOT_SET"),
        (SecretRef::File("/no/such/file".into()), "/no/such/file"),
        (SecretRef::Credential("name".into()), "CREDENTIALS_DIRECTORY"),
        (SecretRef::Command(vec!["false".into()]), "false"),
        (SecretRef::Command(vec!["/no/such/program".into()]), "/no/such/program"),
        (SecretRef::Command(vec![]), "command"),
        (SecretRef::Command(vec!["true".into()]), "printed nothing"),
    ] {
        let error = reference.resolve(&environment, "tokens.a.password").unwrap_err().to_string();
        assert!(error.contains("tokens.a.password") && error.contains(place), "{error}");
    }
}

#[test]
fn settings_do_not_print_secrets() {
    let key = Keyring::new_worker_key();
    let url = "postgres://u:canary@h/d";
    let pairs = [("TOKENKEEPER_KEY", key.expose()), ("DATABASE_URL", url)];
    let home = Home::new();
    let shown = format!("{:?} {:?}", home.load("", &pairs).unwrap(), home.environment(&pairs));
    assert!(!shown.contains("canary") && !shown.contains(key.expose()), "{shown}");
}
