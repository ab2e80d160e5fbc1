//! Configuration files: read or refused with the place, and no value of theirs is repeated.

use std::{fs, path::PathBuf};

use proptest::{prelude::*, test_runner::TestCaseResult};
use tempfile::TempDir;
use tokenkeeper_shared::settings::{Environment, Settings, SettingsError};
use tokenkeeper_worker::config::Config;

use crate::damage::{check, samples, tells_a_secret};

#[test]
fn no_file_breaks_what_holds_of_all_configurations() {
    let home = tempfile::tempdir().unwrap();
    check("configuration", |text| holds(&home, text));
}

/// Damage may make a place, which may be told, of what was a value; so this looks at whole files.
#[test]
fn no_configuration_prints_the_values_in_it() {
    let home = tempfile::tempdir().unwrap();
    let mut understood = 0;
    for sample in samples("configuration") {
        let file = home.path().join(sample.name);
        fs::write(&file, sample.bytes).unwrap();
        if let Ok(config) = load(&home, file) {
            understood += 1;
            assert!(!tells_a_secret(&format!("{config:?}")), "{config:?}");
        }
    }
    assert!(understood >= 3, "{understood} files were understood");
}

fn holds(home: &TempDir, text: &[u8]) -> TestCaseResult {
    let file = home.path().join("tokenkeeper.toml");
    fs::write(&file, text).unwrap();
    match load(home, file.clone()) {
        Ok(config) => {
            for name in config.tokens.keys() {
                prop_assert_eq!(name.as_str().parse().ok(), Some(name.clone()));
            }
        }
        Err(error) => {
            let told = error.to_string();
            prop_assert!(!told.contains('\n') && told.len() < 2_000, "{}", told);
            // Behind the token's name, which is no secret.
            let what = told.split_once("]: ").map_or(told.as_str(), |(_, what)| what);
            prop_assert!(!tells_a_secret(what) || tells_a_place(what), "{}", told);
        }
    }
    Ok(())
}

fn load(home: &TempDir, file: PathBuf) -> Result<Config, SettingsError> {
    let home = home.path().display().to_string();
    let environment = Environment::of([("HOME", home.as_str())]);
    Config::load(&Settings::load(&environment, Some(file))?, &environment)
}

/// Keys, names and places are told; damage may have made one of what was a value.
fn tells_a_place(told: &str) -> bool {
    const PLACES: [&str; 6] =
        ["unknown field", "cannot name", "parameter `", "cannot be read", "it is empty", " is set"];
    PLACES.iter().any(|words| told.contains(words))
}
