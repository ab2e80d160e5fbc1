//! Manifests for Kubernetes, held against its schemas; a file for Compose, parsed and asked for its keys (no package
//! here carries its schema).

use serde_json::{Value, json};

use crate::{
    harness::programs::Program,
    stage::{documents, refused},
};

const VERSIONS: [&str; 2] = ["1.27", "1.34"];

fn manifests(words: &[&str]) -> Vec<Value> {
    let done = Program::worker().args(["schedule", "kubernetes"]).args(words).run();
    assert_eq!(done.code, Some(0), "{words:?}: {done:?}");
    documents(&done.stdout, &VERSIONS).unwrap_or_else(|why| panic!("{words:?}: {why}"))
}

/// The pod's template of a job or a deployment.
fn pod(manifest: &Value) -> &Value {
    let spec = &manifest["spec"];
    match manifest["kind"].as_str().unwrap() {
        "CronJob" => &spec["jobTemplate"]["spec"]["template"]["spec"],
        _ => &spec["template"]["spec"],
    }
}

#[test]
fn kubernetes_takes_a_job_for_what_is_renewed_and_one_for_what_is_cleaned() {
    let words =
        ["--refresh", "--cleanup", "edfi-ods", "--at", "0 3 13 * FRI", "--zone", "Europe/Zurich"];
    let jobs = manifests(&words);
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    for job in &jobs {
        let spec = &job["spec"];
        assert_eq!(job["kind"], "CronJob");
        assert_eq!(
            (&spec["schedule"], &spec["timeZone"]),
            (&json!("0 3 13 * 5"), &json!("Europe/Zurich"))
        );
        assert_eq!(spec["concurrencyPolicy"], "Forbid");
        assert_eq!(spec["startingDeadlineSeconds"], 120);
        assert_eq!(spec["jobTemplate"]["spec"]["backoffLimit"], 0);
        assert_eq!(pod(job)["restartPolicy"], "Never");
    }
    assert_eq!(pod(&jobs[1])["containers"][0]["args"], json!(["cleanup", "edfi-ods", "--apply"]));
    let limit = |job: &Value| job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"].clone();
    assert_eq!([limit(&jobs[0]), limit(&jobs[1])], [600, 21_600]);
}

#[test]
fn kubernetes_takes_the_daemon_and_finds_its_pods() {
    let deployment =
        manifests(&["--daemon", "--image", "registry.example.org/tokenkeeper:1@sha256:00"])
            .remove(0);
    let spec = &deployment["spec"];
    assert_eq!(deployment["kind"], "Deployment");
    assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]);
    assert_eq!(pod(&deployment)["containers"][0]["args"], json!(["daemon"]));
}

#[test]
fn a_pod_has_no_rights_and_no_secret_stands_in_its_manifest() {
    for words in [
        &["--refresh", "--cleanup", "edfi-ods"][..],
        &["--daemon", "--secret", "mine", "--config-map", "yours"],
    ] {
        for manifest in manifests(words) {
            let (pod, container) = (pod(&manifest), &pod(&manifest)["containers"][0]);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(pod["automountServiceAccountToken"], false);
            let context = &container["securityContext"];
            assert_eq!(
                (&context["readOnlyRootFilesystem"], &context["allowPrivilegeEscalation"]),
                (&json!(true), &json!(false))
            );
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
            for variable in container["env"].as_array().unwrap() {
                let is_file = variable["name"].as_str().unwrap().ends_with("_FILE");
                assert!(is_file || variable["value"] == "off", "{variable}");
            }
            let is_theirs = words.contains(&"mine");
            assert_eq!(
                pod["volumes"][1]["secret"]["secretName"],
                if is_theirs { "mine" } else { "tokenkeeper" }
            );
        }
    }
}

#[test]
fn compose_has_the_daemon_whose_secrets_are_files() {
    let done = Program::worker().args(["schedule", "compose", "--daemon"]).run();
    assert_eq!(done.code, Some(0), "{done:?}");
    let file = documents(&done.stdout, &[]).unwrap().remove(0);
    let service = &file["services"]["tokenkeeper-daemon"];
    assert_eq!((&service["command"], &service["read_only"]), (&json!(["daemon"]), &json!(true)));
    assert_eq!(
        (&service["user"], &service["restart"]),
        (&json!("65532:65532"), &json!("unless-stopped"))
    );
    for secret in service["secrets"].as_array().unwrap() {
        let name = secret["source"].as_str().unwrap();
        assert!(file["secrets"][name]["file"].is_string(), "{name}");
        let variable = format!("TOKENKEEPER_{}_FILE", name.to_uppercase());
        assert_eq!(service["environment"][variable], secret["target"], "{name}");
    }
    assert_eq!(service["secrets"].as_array().unwrap().len(), 2);
    assert!(file["volumes"].as_object().unwrap().contains_key("state"));
}

#[test]
fn what_containers_cannot_do_is_refused_with_what_to_write() {
    for (words, told) in [
        ("compose", "--daemon"),
        ("compose --cleanup edfi-ods", "[cleanup.NAME]"),
        ("kubernetes --image a$(b)", "is no image"),
        ("kubernetes --secret Big", "is no name"),
        ("kubernetes --install", "unexpected argument"),
    ] {
        let error = refused(words, 2);
        assert!(error.contains(told), "{words}: {error}");
    }
}
