//! The samples of README's section on the command line, run as they stand there.

use std::fs;

use tokenkeeper_worker::sandbox::Settings;

use super::{sql, stage::Stage};
use crate::harness::databases::Kind;

#[test]
fn every_sample_of_the_command_line_works() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["edfi"]);
    stage.host.work(0, &["run"]);
    sql::run(&stage.database, "UPDATE tokens SET scope = 'read write'");
    let resource = format!("{}/resource", stage.sandbox.url());
    let said: String = samples()
        .iter()
        .filter(|sample| !sample.starts_with("#!"))
        .map(|sample| sample.replace("https://ods.example.org/data/v3", &resource))
        .map(|sample| format!("set -e\n{}", ended(sample)))
        .map(|script| {
            String::from_utf8_lossy(&stage.host.script("sh", &script).stdout).into_owned()
        })
        .collect();
    let token = stage.host.get("edfi");
    for expected in [
        "the token opens this resource".to_owned(),
        format!("{token} dies at 20"),
        "/API_KEY\n".to_owned(),
        "watched\n".to_owned(),
        "noted: the first worker".to_owned(),
        format!("machine ods.example.org login oauth2 password {token}\n"),
    ] {
        assert!(said.contains(&expected), "{expected}: {said}");
    }
}

/// `watch` does not end by itself.
fn ended(sample: String) -> String {
    if !sample.contains(" watch ") {
        return sample;
    }
    format!(
        "{} & until [ -s edfi.token ]; do sleep 0.05; done; kill $!; wait $!; echo watched",
        sample.trim_end()
    )
}

/// The fenced blocks of shell in that section.
pub fn samples() -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let section = readme.split("## The command line\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}
