//! A job as a manifest of Kubernetes: a `CronJob`, or a `Deployment` for the daemon. Secrets are referred to, never
//! written.

use super::{
    MARK, Unfit,
    fields::Fields,
    image::{Image, environment, quoted},
    job::{Job, Task},
};

/// The manifest of a job.
///
/// # Errors
/// [`Unfit`] when five fields cannot say the schedule.
pub fn manifest(job: &Job, image: &Image) -> Result<String, Unfit> {
    let labels = labels(job);
    let (kind, pod) = (if job.is_daemon() { DEPLOYMENT } else { CRON_JOB }, pod(job, image));
    let head = format!(
        "# {MARK} kubernetes\n{kind}metadata:\n  name: {}\n  labels:\n{}",
        job.name,
        indented(4, &labels)
    );
    let body = if job.is_daemon() { daemon(&labels, &pod) } else { timed(job, &labels, &pod)? };
    Ok(format!("{head}{body}"))
}

fn timed(job: &Job, labels: &str, pod: &str) -> Result<String, Unfit> {
    let schedule = Fields::of(&job.at)?.five()?;
    let (limit, why) = match job.task {
        Task::Cleanup(_) => {
            (21_600, "It is asked to stop then, ends after its batch, and the next run goes on.")
        }
        _ => (
            600,
            "A run begins nothing new after its deadline (5 min), then stores what came for a minute at most.",
        ),
    };
    Ok(format!(
        "spec:
  schedule: {}
  # Its own, whatever the control plane's is (stable since Kubernetes 1.27).
  timeZone: {}
  # One at a time; should two run all the same, the database sees to it that nothing is done twice.
  concurrencyPolicy: Forbid
  # Without it a hundred missed starts end the schedule for good; what is later than this waits for the next start.
  startingDeadlineSeconds: 120
  # Each is a pod that stays with its logs.
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # The next start is the next try: the worker keeps its own delays between tries, in the database.
      backoffLimit: 0
      # {why}
      activeDeadlineSeconds: {limit}
      template:
        metadata:
          labels:
{}        spec:
          # The next start is the next try.
          restartPolicy: Never
{}",
        quoted(&schedule),
        quoted(job.at.zone().name()),
        indented(12, labels),
        indented(10, pod),
    ))
}

fn daemon(labels: &str, pod: &str) -> String {
    format!(
        "spec:
  # Any number may work on one database; a second one bridges the loss of a node.
  replicas: 1
  selector:
    matchLabels:
{}  template:
    metadata:
      labels:
{}    spec:
{}",
        indented(6, labels),
        indented(8, labels),
        indented(6, pod),
    )
}

fn pod(job: &Job, image: &Image) -> String {
    let variables: Vec<String> = environment(job, "off")
        .into_iter()
        .map(|(name, value)| format!("      - name: {name}\n        value: {}\n", quoted(&value)))
        .collect();
    let variables = variables.concat();
    let arguments: Vec<String> = job.arguments().iter().map(|text| quoted(text)).collect();
    format!(
        "{POD}containers:
  - name: tokenkeeper
    image: {}
    args: [{}]
    env:
      # The journal is off: no disk outlives the container. An answer is lost if it and the database fail at one moment.
{variables}{CONTAINER}volumes:
  # The key tokenkeeper.toml in it is the configuration.
  - name: config
    configMap:
      name: {}
  # Its keys are the files that are named above, and what the configuration names by {{ file = \"/run/secrets/tokenkeeper/…\" }}.
  - name: secrets
    secret:
      secretName: {}
      defaultMode: 0440
",
        quoted(&image.name),
        arguments.join(", "),
        image.config,
        image.secret,
    )
}

fn labels(job: &Job) -> String {
    let component = match job.task {
        Task::Refresh => "refresh",
        Task::Cleanup(_) => "cleanup",
        Task::Daemon => "daemon",
    };
    format!(
        "app.kubernetes.io/name: tokenkeeper\napp.kubernetes.io/component: {component}\napp.kubernetes.io/instance: {}\n",
        job.name
    )
}

fn indented(by: usize, text: &str) -> String {
    let margin = " ".repeat(by);
    let lines: Vec<String> = text.lines().map(|line| format!("{margin}{line}\n")).collect();
    lines.concat()
}

const CRON_JOB: &str = "apiVersion: batch/v1\nkind: CronJob\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\n";

const POD: &str = "\
# It asks the cluster for nothing.
automountServiceAccountToken: false
# What is claimed is finished first.
terminationGracePeriodSeconds: 90
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # The secrets' files are this group's.
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
";

const CONTAINER: &str = "    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    # Some ten MiB in use; no limit on the processor, which would only make renewals late.
    resources:
      requests:
        cpu: 10m
        memory: 32Mi
      limits:
        memory: 128Mi
    volumeMounts:
      - name: config
        mountPath: /etc/tokenkeeper
        readOnly: true
      - name: secrets
        mountPath: /run/secrets/tokenkeeper
        readOnly: true
";
