//! Jobs as a script for Google Cloud: a Cloud Run job each, and what of Cloud Scheduler starts it.

use super::{
    MARK, Unfit,
    fields::Fields,
    image::Image,
    job::{Job, Task},
};
use crate::schedule::shell::word;

/// A script that makes the jobs, or brings them up to date.
///
/// # Errors
/// [`Unfit`] for a daemon, and for what five fields cannot say.
pub fn script(jobs: &[Job], image: &Image) -> Result<String, Unfit> {
    let blocks: Vec<String> = jobs.iter().map(|job| block(job, image)).collect::<Result<_, _>>()?;
    Ok(format!(
        "{}{}",
        HEAD.replace("MARK", MARK).replace("IMAGE_NAME", &image.name),
        blocks.concat()
    ))
}

fn block(job: &Job, image: &Image) -> Result<String, Unfit> {
    let (limit, why) = match job.task {
        Task::Daemon => {
            let advice =
                "a Cloud Run job ends: leave --daemon out, or use `schedule kubernetes --daemon`";
            return Err(Unfit(advice.to_owned()));
        }
        Task::Refresh => (
            "10m",
            "a run begins nothing new after its deadline (5 min), then stores what came for a minute",
        ),
        Task::Cleanup(_) => {
            ("6h", "it is asked to stop then, ends after its batch, and the next run goes on")
        }
    };
    let name = &job.name;
    Ok(format!(
        "\n# {}\n\
         deploy {name} {} \\\n\
         \x20   --task-timeout {limit} `# {why}` \\\n\
         \x20   --set-env-vars {} \\\n\
         \x20   --set-secrets {}\n\
         start {name} {} {}\n",
        job.description(),
        word(&format!("--args={}", job.arguments().join(",")))?,
        word(&variables(job))?,
        word(&secrets(job, image))?,
        word(&Fields::of(&job.at)?.five()?)?,
        word(job.at.zone().name())?,
    ))
}

/// Each secret is a folder of its own there, with one file in it.
fn needed(job: &Job) -> Vec<(&'static str, &'static str)> {
    let mut needed = vec![("TOKENKEEPER_DATABASE_URL_FILE", "database-url")];
    match job.task {
        Task::Cleanup(_) => {
            needed.push(("TOKENKEEPER_CLEANUP_DATABASE_URL_FILE", "cleanup-database-url"));
        }
        _ => needed.push(("TOKENKEEPER_KEY_FILE", "key")),
    }
    needed
}

fn variables(job: &Job) -> String {
    let files = needed(job)
        .into_iter()
        .map(|(variable, secret)| format!("{variable}=/secrets/{secret}/value"));
    // No disk outlives the task.
    ["TOKENKEEPER_JOURNAL=off".to_owned()].into_iter().chain(files).collect::<Vec<_>>().join(",")
}

fn secrets(job: &Job, image: &Image) -> String {
    let prefix = &image.secret;
    let files = needed(job)
        .into_iter()
        .map(|(_, secret)| format!("/secrets/{secret}/value={prefix}-{secret}:latest"));
    let config = format!("/etc/tokenkeeper/tokenkeeper.toml={}-config:latest", image.config);
    [config].into_iter().chain(files).collect::<Vec<_>>().join(",")
}

const HEAD: &str = r#"#!/usr/bin/env bash
# MARK google-cloud
#
# Makes, or brings up to date, a Cloud Run job for each of ours, and the job of Cloud Scheduler that starts it.
# It may be run as often as one likes. It was never run against Google Cloud where it is made: read it first.
#
# There must be, before: the image in a registry of yours; the secrets that are named below in Secret Manager
# (gcloud secrets create NAME --data-file=FILE); two service accounts, one that may read them
# (roles/secretmanager.secretAccessor) and one that starts jobs, which gets that right here and has no other.
set -euo pipefail

: "${PROJECT:?name the project: PROJECT=my-project}"
: "${REGION:?name the region: REGION=europe-west6}"
: "${RUN_AS:?name the service account that reads the secrets: RUN_AS=keeper@my-project.iam.gserviceaccount.com}"
: "${START_AS:?name the service account that starts jobs: START_AS=timer@my-project.iam.gserviceaccount.com}"
IMAGE=${IMAGE:-IMAGE_NAME}

where=(--project "$PROJECT")

fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

# deploy NAME FLAG...
deploy() {
    local name=$1 there
    shift
    there=$(gcloud run jobs list "${where[@]}" --region "$REGION" --filter "metadata.name=$name" \
        --format 'value(metadata.name,metadata.labels.made-by)')
    case "$there" in
    '' | *tokenkeeper-schedule) ;;
    *) fail "the Cloud Run job $name is not ours and is left as it is: take another --name" ;;
    esac
    # One task: more would only wait for each other. No retries: the next start is the next try, as the worker keeps its
    # own delays in the database.
    gcloud run jobs deploy "$name" "${where[@]}" --region "$REGION" --image "$IMAGE" --service-account "$RUN_AS" \
        --labels made-by=tokenkeeper-schedule --tasks 1 --parallelism 1 --max-retries 0 --cpu 1 --memory 512Mi "$@"
    gcloud run jobs add-iam-policy-binding "$name" "${where[@]}" --region "$REGION" \
        --member "serviceAccount:$START_AS" --role roles/run.invoker >/dev/null
}

# start NAME SCHEDULE ZONE
start() {
    local name=$1 schedule=$2 zone=$3 there verb
    there=$(gcloud scheduler jobs list "${where[@]}" --location "$REGION" --filter "name~/jobs/$name\$" \
        --format 'value(name,description)')
    case "$there" in
    '') verb=create ;;
    *'MARK'*) verb=update ;;
    *) fail "the Scheduler job $name is not ours and is left as it is: take another --name" ;;
    esac
    # It starts at least once: a second start at the same time finds nothing to do. A start is answered at once.
    gcloud scheduler jobs "$verb" http "$name" "${where[@]}" --location "$REGION" \
        --description 'MARK' --schedule "$schedule" --time-zone "$zone" \
        --uri "https://run.googleapis.com/v2/projects/$PROJECT/locations/$REGION/jobs/$name:run" --http-method POST \
        --oauth-service-account-email "$START_AS" --attempt-deadline 60s
}
"#;
