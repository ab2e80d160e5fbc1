//! What is made for clouds, none of which is called here: scripts read by shellcheck and run beside a stand-in for
//! `gcloud`, which shows the order of its calls and nothing more; a template read by cfn-lint; an app's files parsed.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tokenkeeper_worker::{cron::Schedule, order::Order};

use crate::{
    harness::programs::{Finished, Program},
    stage::{StandIn, documents, printed, python, refused, run},
};

const BOTH: &str = "--refresh --cleanup edfi-ods --cleanup wso2-token";

#[test]
fn the_shells_checker_has_nothing_to_say_of_the_scripts() {
    let folder = tempfile::tempdir().unwrap();
    for target in ["google-cloud", "azure-functions"] {
        let path = folder.path().join(target);
        fs::write(&path, printed(&format!("{target} {BOTH}"))).unwrap();
        let checked = run("shellcheck", &["--severity=style", path.to_str().unwrap()]);
        assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), ""), "{target}");
    }
}

const GCLOUD: &str = r#"
case "$*" in
*list*) cat "$(dirname "$0")/there" ;;
esac"#;

fn google(gcloud: &StandIn, words: &str) -> Finished {
    let path = gcloud.folder().join("script");
    fs::write(&path, printed(words)).unwrap();
    let set = [
        ("PROJECT", "p"),
        ("REGION", "europe-west6"),
        ("RUN_AS", "keeper@p"),
        ("START_AS", "timer@p"),
    ];
    let program = Program::named("bash").args([path]).env("PATH", gcloud.path());
    set.iter().fold(program, |program, (name, value)| program.env(name, value)).run()
}

#[test]
fn google_cloud_is_told_to_make_a_job_and_what_starts_it() {
    let gcloud = StandIn::new("gcloud", GCLOUD);
    fs::write(gcloud.folder().join("there"), "").unwrap();
    let words = "google-cloud --cleanup edfi-ods --cleanup wso2-token --zone Europe/Zurich";
    let done = google(&gcloud, words);
    assert_eq!(done.code, Some(0), "{done:?}");
    let calls = gcloud.calls();
    let verbs: Vec<String> =
        calls.iter().map(|call| call.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "run jobs list",
        "run jobs deploy",
        "run jobs add-iam-policy-binding",
        "scheduler jobs list",
        "scheduler jobs create",
    ];
    assert_eq!(verbs, expected);
    for told in
        ["--args=cleanup,edfi-ods,wso2-token,--apply", "--max-retries 0", "--task-timeout 6h"]
    {
        assert!(calls[1].contains(told), "{}", calls[1]);
    }
    assert!(calls[4].contains("--schedule 0 3 * * * --time-zone Europe/Zurich"), "{}", calls[4]);
    // What is listed ends with the job's label, as gcloud prints it: the stand-in has one text for both lists.
    fs::write(
        gcloud.folder().join("there"),
        "x Made by tokenkeeper-worker schedule tokenkeeper-schedule",
    )
    .unwrap();
    assert_eq!(google(&gcloud, words).code, Some(0));
    assert!(gcloud.calls()[4].starts_with("scheduler jobs update http"), "brought up to date");
}

#[test]
fn a_job_of_google_cloud_that_is_not_ours_is_never_touched() {
    let gcloud = StandIn::new("gcloud", GCLOUD);
    fs::write(gcloud.folder().join("there"), "tokenkeeper-refresh\n").unwrap();
    let done = google(&gcloud, "google-cloud");
    assert!(done.code == Some(2) && done.stderr.contains("is not ours"), "{done:?}");
    assert_eq!(gcloud.calls().len(), 1, "it has looked, and nothing else");
    let unset = Program::named("bash")
        .args(["-c", &printed("google-cloud")])
        .env("PATH", gcloud.path())
        .run();
    assert!(unset.code != Some(0) && unset.stderr.contains("name the project"), "{unset:?}");
}

#[test]
fn the_template_for_aws_is_one_that_its_checker_takes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    for words in [BOTH, "--cleanup edfi-ods --zone Europe/Zurich", "--at @daily"] {
        let text = printed(&format!("aws-lambda {words}"));
        fs::write(&path, &text).unwrap();
        let checked = cfn_lint(&path);
        assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), ""), "{words}: {checked:?}");
    }
    let wrong = printed("aws-lambda").replace("Handler:", "Handlr:");
    fs::write(&path, wrong).unwrap();
    assert_ne!(cfn_lint(&path).code, Some(0), "it looks");
}

#[test]
fn the_template_for_aws_starts_the_program_once_at_a_time_with_what_it_is_to_do() {
    let text = printed(&format!("aws-lambda {BOTH} --secret prod/keeper"));
    let template = documents(&text, &[]).unwrap().remove(0);
    let of = |name: &str| template["Resources"][name]["Properties"].clone();
    let timer = |name: &str| of(name)["Events"]["Timer"]["Properties"].clone();
    assert_eq!(timer("Refresh")["ScheduleExpression"], "rate(5 minutes)");
    assert_eq!(timer("Cleanup")["ScheduleExpression"], "cron(0 3 * * ? *)");
    let input = |name: &str| -> Value {
        serde_json::from_str(timer(name)["Input"].as_str().unwrap()).unwrap()
    };
    assert_eq!(input("Refresh"), json!({}));
    assert_eq!(input("Cleanup"), json!({ "cleanup": ["edfi-ods", "wso2-token"] }));
    for order in ["Refresh", "Cleanup"] {
        assert!(Order::of(input(order)).is_ok(), "{order}");
        let function = of(order);
        assert_eq!(function["Handler"], "bootstrap", "{order}");
        assert_eq!(function["ReservedConcurrentExecutions"], 1, "{order}");
        let variables = &function["Environment"]["Variables"];
        let database = "{{resolve:secretsmanager:prod/keeper:SecretString:database_url}}";
        assert_eq!(variables["TOKENKEEPER_DATABASE_URL"], database, "{order}");
    }
    assert!(text.contains("--features lambda --target x86_64-unknown-linux-musl"), "{text}");
}

/// It knows the names and kinds of properties, not each runtime's name.
fn cfn_lint(path: &Path) -> Finished {
    let program = "import sys; from cfnlint.runner import main; sys.exit(main())";
    python(&["-c", program, path.to_str().unwrap()])
}

/// Runs the script in a folder, which has the app's files then.
fn app(folder: &Path, words: &str) -> Finished {
    let script = printed(words);
    Program::named("sh").args(["-c", &script]).at_home(folder).run()
}

#[test]
fn an_app_for_azure_starts_the_daemon_and_has_a_function_for_each_job() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let done = app(folder.path(), &format!("azure-functions {BOTH}"));
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
    };
    let handler = &read("host.json")["customHandler"]["description"];
    assert_eq!(
        handler,
        &json!({ "defaultExecutablePath": "tokenkeeper-worker", "arguments": ["daemon"] })
    );
    for (function, schedule) in [("Refresh", "0 */5 * * * *"), ("Cleanup", "0 0 3 * * *")] {
        let binding = &read(&format!("{function}/function.json"))["bindings"][0];
        assert_eq!(
            (&binding["type"], &binding["schedule"]),
            (&json!("timerTrigger"), &json!(schedule))
        );
    }
}

#[test]
fn an_app_of_somebody_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("host.json"), "{}").unwrap();
    let done = app(folder.path(), "azure-functions");
    assert!(done.code == Some(2) && done.stderr.contains("not ours"), "{done:?}");
    assert_eq!(fs::read_to_string(folder.path().join("host.json")).unwrap(), "{}");
}

#[test]
fn six_fields_for_azure_come_when_the_schedule_comes() {
    let from: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
    for at in ["*/20 * * * * *", "0 3 * * 7", "0 0 3 ? * 1", "@every 30s", "7/20 9-17 * jan,feb *"]
    {
        let done = Program::worker().args(["schedule", "azure-functions", "--at", at]).run();
        let said = done
            .stdout
            .lines()
            .find_map(|line| line.trim().strip_prefix("\"schedule\": \""))
            .unwrap();
        let read = |text: &str| Schedule::parse(text, Tz::UTC).unwrap().upcoming(from, 50);
        assert_eq!(read(said.trim_end_matches("\",")), read(at), "{at}: {said}");
    }
}

#[test]
fn what_a_cloud_cannot_do_is_refused_with_what_to_write() {
    for (words, told) in [
        ("google-cloud --daemon", "schedule kubernetes --daemon"),
        ("aws-lambda --daemon", "leave --daemon out"),
        ("aws-lambda --config /etc/x.toml", "--config"),
        ("aws-lambda --secret a:b", "no secret is called \"a:b\""),
        ("azure-functions --daemon", "leave --daemon out"),
        ("azure-functions --zone Europe/Zurich", "in UTC"),
        ("azure-functions --config /etc/x.toml", "--config"),
        ("google-cloud --install", "unexpected argument"),
    ] {
        let error = refused(words, 2);
        assert!(error.contains(told), "{words}: {error}");
    }
}
