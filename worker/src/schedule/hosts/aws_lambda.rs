//! Jobs as a template of AWS SAM: a function each, and what of `EventBridge` Scheduler calls it.

use super::{
    ITS_TABLES, MARK, Unfit,
    fields::{Field, Fields},
    image::quoted,
    job::{Job, Task},
};

/// The template, which takes secrets from the one that is called so.
///
/// # Errors
/// [`Unfit`] for a daemon, a name that no secret can have, and for what the scheduler's expressions cannot say.
pub fn template(jobs: &[Job], secret: &str) -> Result<String, Unfit> {
    check(secret)?;
    let functions: Vec<String> =
        jobs.iter().map(|job| function(job, secret)).collect::<Result<_, _>>()?;
    Ok(format!("# {MARK} aws-lambda\n{HEAD}{}", functions.concat()))
}

/// What Secrets Manager takes for a name; a colon would end it within a reference.
fn check(secret: &str) -> Result<(), Unfit> {
    let is_fit = |sign: char| sign.is_ascii_alphanumeric() || "/_+=.@-".contains(sign);
    if !secret.is_empty() && secret.chars().all(is_fit) {
        return Ok(());
    }
    let shown: String = secret.escape_debug().take(64).collect();
    let message = format!(
        "no secret is called \"{shown}\": name one of letters, digits and /_+=.@-, not its ARN"
    );
    Err(Unfit(message))
}

fn function(job: &Job, secret: &str) -> Result<String, Unfit> {
    let (title, limit, event) = match &job.task {
        Task::Daemon => {
            let advice =
                "a Lambda function ends: leave --daemon out, and give --at, --refresh, --cleanup";
            return Err(Unfit(advice.to_owned()));
        }
        Task::Refresh => ("Refresh", REFRESH_LIMIT, serde_json::json!({})),
        Task::Cleanup(_) if job.policy_files.is_some() => return Err(Unfit(ITS_TABLES.to_owned())),
        Task::Cleanup(policies) => {
            ("Cleanup", CLEANUP_LIMIT, serde_json::json!({ "cleanup": policies }))
        }
    };
    Ok(FUNCTION
        .replace("{note}", &job_note(job))
        .replace("{title}", title)
        .replace("{limit}", limit)
        .replace("{name}", &job.name)
        .replace("{description}", &quoted(&job.description()))
        .replace("{secrets}", &secrets(job, secret))
        .replace("{expression}", &quoted(&expression(job)?))
        .replace("{zone}", &quoted(job.at.zone().name()))
        .replace("{input}", &quoted(&event.to_string())))
}

/// The variables whose values the platform fills in.
fn secrets(job: &Job, secret: &str) -> String {
    let keys: &[(&str, &str)] = match job.task {
        Task::Cleanup(_) => {
            &[DATABASE, ("TOKENKEEPER_CLEANUP_DATABASE_URL", "cleanup_database_url")]
        }
        _ => &[DATABASE, ("TOKENKEEPER_KEY", "key")],
    };
    let line = |(variable, key): &(&str, &str)| {
        let reference = format!("{{{{resolve:secretsmanager:{secret}:SecretString:{key}}}}}");
        format!("          {variable}: {}\n", quoted(&reference))
    };
    keys.iter().map(line).collect()
}

/// What the configuration must have for it.
fn job_note(job: &Job) -> String {
    let Task::Cleanup(names) = &job.task else { return String::new() };
    let tables: Vec<String> = names.iter().map(|name| format!("[cleanup.{name}]")).collect();
    format!("  # tokenkeeper.toml must have {}.\n", tables.join(" and "))
}

/// `rate(…)` for an interval, else `cron(…)` with six fields, where one of the two days must be `?`.
fn expression(job: &Job) -> Result<String, Unfit> {
    if let Some(interval) = job.at.interval() {
        return rate(interval.as_secs());
    }
    let fields = Fields::of(&job.at)?;
    if fields.has_both_days() {
        return Err(Unfit(
            "EventBridge takes a day of the month or a weekday, not both: make two schedules of it, with two names".to_owned(),
        ));
    }
    // It refuses seconds.
    fields.five()?;
    let days = match (fields.day.is_all(), fields.weekday.is_all()) {
        (true, true) => ["*".to_owned(), "?".to_owned()],
        (false, _) => [fields.day.listed(), "?".to_owned()],
        (true, false) => {
            let days: Vec<String> =
                fields.weekday.values.iter().map(|day| (day + 1).to_string()).collect();
            ["?".to_owned(), days.join(",")]
        }
    };
    let [day, weekday] = days;
    let [minute, hour] = [&fields.minute, &fields.hour].map(part);
    Ok(format!("cron({minute} {hour} {day} {} {weekday} *)", fields.month.listed()))
}

fn part(field: &Field) -> String {
    match field.step() {
        Some(step) if !field.is_all() => format!("0/{step}"),
        _ => field.listed(),
    }
}

fn rate(seconds: u64) -> Result<String, Unfit> {
    if !seconds.is_multiple_of(60) {
        let advice = "EventBridge counts whole minutes: write for example `@every 1m`, or use `schedule systemd` or `daemon`";
        return Err(Unfit(advice.to_owned()));
    }
    let minutes = seconds / 60;
    Ok(format!("rate({minutes} minute{})", if minutes == 1 { "" } else { "s" }))
}

const DATABASE: (&str, &str) = ("TOKENKEEPER_DATABASE_URL", "database_url");

const FUNCTION: &str = "\
{note}  {title}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Description: {description}
      CodeUri: ./function
      Handler: bootstrap
      Runtime: provided.al2023
      Architectures: [x86_64]
      # Most of a pass is waiting, and so is most of a clean-up.
      MemorySize: 256
      # Two at once would do no harm, and nothing faster. An account whose limit is that of a new one (10) refuses it: have the
      # limit raised, or leave the line out.
      ReservedConcurrentExecutions: 1
{limit}      LoggingConfig:
        LogFormat: JSON
      Environment:
        Variables:
          TOKENKEEPER_CONFIG: /var/task/tokenkeeper.toml
          # No disk outlives an instance. An answer is lost if it and the database fail at one moment.
          TOKENKEEPER_JOURNAL: \"off\"
          # Filled in from Secrets Manager when it is deployed (again after a change there), and readable for whoever
          # may call lambda:GetFunctionConfiguration: give that right to nobody else.
{secrets}      # What fails may be mended by waiting: the platform tries again after one minute and after two. It also calls twice
      # now and then without need. Neither does harm.
      EventInvokeConfig:
        MaximumRetryAttempts: 2
        # What is later than this waits for the next start.
        MaximumEventAgeInSeconds: 300
      Events:
        Timer:
          Type: ScheduleV2
          Properties:
            Name: {name}
            ScheduleExpression: {expression}
            ScheduleExpressionTimezone: {zone}
            # To the minute: clean-ups of one minute are one run.
            FlexibleTimeWindow:
              Mode: \"OFF\"
            Input: {input}
            RetryPolicy:
              MaximumRetryAttempts: 2
              MaximumEventAgeInSeconds: 300
";

const REFRESH_LIMIT: &str = "      # A run begins nothing new after its deadline (5 min, or 90 s before this), then stores what came.
      Timeout: 420
";
const CLEANUP_LIMIT: &str =
    "      # The most that there is. It ends by itself 90 s before; the next run goes on.
      Timeout: 900
";

const HEAD: &str = "\
#
# The functions are the worker itself, built with its feature `lambda` as a static program. In the source:
#   rustup target add x86_64-unknown-linux-musl
#   cargo build --release --package tokenkeeper-worker --features lambda --target x86_64-unknown-linux-musl
# Then beside this file a folder with that program, called bootstrap, and the configuration:
#   mkdir -p function
#   cp SOURCE/target/x86_64-unknown-linux-musl/release/tokenkeeper-worker function/bootstrap
#   cp tokenkeeper.toml function/
#   sam deploy --guided --template-file template.yaml
# That zips the folder (without `sam build`, which would look for another way to build), makes the stack, and brings it up
# to date when it is called again. What has a function's name and is not the stack's is left alone: the deployment fails.
# It was never deployed where it is made; its form was checked there.
#
# There must be, before: a secret in Secrets Manager whose keys are named below, and a database server that the functions
# reach: in a VPC they need VpcConfig, and a gateway to the providers.
AWSTemplateFormatVersion: \"2010-09-09\"
Transform: AWS::Serverless-2016-10-31
Description: tokenkeeper, started at its times
Resources:
";

#[cfg(test)]
mod tests {
    use super::template;
    use crate::{
        cron::Schedule,
        schedule::hosts::{Job, Task},
    };

    fn expression(at: &str) -> Result<String, String> {
        let job = Job {
            name: "a".to_owned(),
            task: Task::Refresh,
            at: Schedule::parse(at, chrono_tz::Tz::UTC).unwrap(),
            program: String::new(),
            config: None,
            policy_files: None,
        };
        super::expression(&job).map_err(|error| error.to_string())
    }

    #[test]
    fn intervals_are_rates_and_weekdays_count_from_one() {
        for (at, expected) in [
            ("@every 1m", "rate(1 minute)"),
            ("@every 45m", "rate(45 minutes)"),
            ("*/15 3 * * *", "cron(0/15 3 * * ? *)"),
            ("0 3 * * 0", "cron(0 3 ? * 1 *)"),
            ("0 3 * * mon-fri", "cron(0 3 ? * 2,3,4,5,6 *)"),
            ("0 3 1 jan *", "cron(0 3 1 1 ? *)"),
        ] {
            assert_eq!(expression(at), Ok(expected.to_owned()), "{at}");
        }
    }

    #[test]
    fn what_the_scheduler_cannot_say_is_refused() {
        for (at, told) in [
            ("0 3 13 * FRI", "two names"),
            ("@every 90s", "whole minutes"),
            ("5 0 3 * * *", "seconds"),
        ] {
            let error = expression(at).unwrap_err();
            assert!(error.contains(told), "{at}: {error}");
        }
        assert!(template(&[], "prod/keeper").unwrap().contains("Transform"));
        assert!(template(&[], "a:b").unwrap_err().to_string().contains("not its ARN"));
    }
}
