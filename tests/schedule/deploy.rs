//! The files in `deploy/`: those that a verb makes are as it makes them; alerts and dashboard ask for metrics that there
//! are, and Prometheus' own program finds that the alerts come when they should, and not else.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    harness::programs::Program,
    stage::{documents, names_in, printed, run, schedule},
};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(DEPLOY).join(name)).unwrap()
}

#[test]
fn what_a_verb_makes_is_as_it_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    for what in ["--refresh --cleanup edfi-ods", "--daemon"] {
        let words = format!(
            "systemd --program /usr/local/bin/tokenkeeper-worker {what} --install --unit-dir"
        );
        let done = schedule(&format!("{words} {}", folder.path().display())).run();
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    let made = names_in(folder.path());
    assert_eq!(names_in(&Path::new(DEPLOY).join("systemd")), made);
    for name in made {
        let text = fs::read_to_string(folder.path().join(&name)).unwrap();
        assert_eq!(
            read(&format!("systemd/{name}")),
            text,
            "call the worker as this test does, with --unit-dir deploy/systemd"
        );
    }
    for (name, words) in [
        ("kustomize/tokenkeeper.yaml", "kubernetes --image tokenkeeper"),
        ("compose.yaml", "compose --daemon"),
    ] {
        assert_eq!(
            read(name),
            printed(words),
            "tokenkeeper-worker schedule {words} > deploy/{name}"
        );
    }
}

#[test]
fn the_base_for_kubernetes_names_what_is_there() {
    let base = documents(&read("kustomize/kustomization.yaml"), &[]).unwrap().remove(0);
    let resources = base["resources"].as_array().unwrap().iter();
    let files = base["configMapGenerator"][0]["files"].as_array().unwrap().iter();
    for name in resources.chain(files).map(|name| name.as_str().unwrap()) {
        assert!(Path::new(DEPLOY).join("kustomize").join(name).is_file(), "{name}");
    }
    let job = documents(&read("kustomize/tokenkeeper.yaml"), &["1.34"]).unwrap().remove(0);
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], base["images"][0]["name"]);
    assert_eq!(pod["volumes"][0]["configMap"]["name"], base["configMapGenerator"][0]["name"]);
}

#[test]
fn alerts_come_when_they_should_and_not_else() {
    let folder = Path::new(DEPLOY).join("prometheus");
    for arguments in
        [["check", "rules", "tokenkeeper.rules.yaml"], ["test", "rules", "tokenkeeper.test.yaml"]]
    {
        let done = Program::named("promtool").args(arguments).at_home(copied(&folder).path()).run();
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    let rules = documents(&read("prometheus/tokenkeeper.rules.yaml"), &[]).unwrap().remove(0);
    let cases = documents(&read("prometheus/tokenkeeper.test.yaml"), &[]).unwrap().remove(0);
    let cases: Vec<&Value> = cases["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap())
        .collect();
    for rule in rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
    {
        let of_rule = || cases.iter().filter(|case| case["alertname"] == rule["alert"]);
        let comes = |case: &&&Value| !case["exp_alerts"].as_array().unwrap().is_empty();
        assert!(
            of_rule().any(|case| comes(&case)) && !of_rule().all(|case| comes(&case)),
            "{}",
            rule["alert"]
        );
    }
}

/// A program is started in a home, where directories are made.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in names_in(folder) {
        fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

/// Every name of a metric in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.filter(|word| word.starts_with("tokenkeeper_")).map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let source = ["shared/src/metrics.rs", "consumer/src/serve/counters.rs"];
    let texts =
        source.map(|name| fs::read_to_string(Path::new(DEPLOY).join("..").join(name)).unwrap());
    let there = metrics(&texts.concat());
    let dashboard: Value = serde_json::from_str(&read("grafana/tokenkeeper.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 10, "{expressions:?}");
    let asked = metrics(&(read("prometheus/tokenkeeper.rules.yaml") + &expressions.join(" ")));
    let is_there = |name: &str| {
        let whole = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        there.contains(name) || there.contains(whole)
    };
    let missing: Vec<&String> = asked.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}, of {there:?}");
    for expression in expressions {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rule.yaml");
        let rule = serde_json::json!({ "groups": [{ "name": "g", "rules": [{ "record": "r", "expr": expression }] }] });
        fs::write(&path, rule.to_string()).unwrap();
        let checked = run("promtool", &["check", "rules", path.to_str().unwrap()]);
        assert_eq!(checked.code, Some(0), "{expression}: {checked:?}");
    }
}
