//! Jobs as a script that writes the files of an app for Azure Functions, whose custom handler is the worker.

use super::{
    ITS_TABLES, MARK, Unfit,
    fields::Fields,
    job::{Job, Task},
};

/// A script that writes the app's files into the folder it is called in.
///
/// # Errors
/// [`Unfit`] for a daemon, another zone than UTC, and what six fields cannot say.
pub fn script(jobs: &[Job]) -> Result<String, Unfit> {
    let blocks: Vec<String> = jobs.iter().map(function).collect::<Result<_, _>>()?;
    Ok(format!("{}{}", HEAD.replace("MARK", MARK), blocks.concat()))
}

fn function(job: &Job) -> Result<String, Unfit> {
    let (folder, note) = match &job.task {
        Task::Daemon => {
            let advice = "an Azure function ends: leave --daemon out; the host starts the worker and calls it";
            return Err(Unfit(advice.to_owned()));
        }
        Task::Refresh => ("Refresh", String::new()),
        Task::Cleanup(_) if job.policy_files.is_some() => return Err(Unfit(ITS_TABLES.to_owned())),
        Task::Cleanup(policies) => {
            let tables: Vec<String> =
                policies.iter().map(|policy| format!("[cleanup.{policy}]")).collect();
            (
                "Cleanup",
                format!(
                    "# tokenkeeper.toml must have {}; a run_time of at most 9m lets it end by itself.\n",
                    tables.join(" and ")
                ),
            )
        }
    };
    let schedule = expression(job)?;
    Ok(format!(
        "\n# {}\n{note}# useMonitor: a start that was missed, as the app was away, is made up for once. runOnStartup would start it whenever\n\
         # the app is scaled or deployed.\n\
         mkdir -p {folder}\n\
         cat >{folder}/function.json <<'JSON'\n{{\n  \"bindings\": [\n    {{\n      \"name\": \"timer\",\n      \"type\": \"timerTrigger\",\n      \
         \"direction\": \"in\",\n      \"schedule\": \"{schedule}\",\n      \"useMonitor\": true,\n      \"runOnStartup\": false\n    }}\n  ]\n}}\nJSON\n",
        job.description(),
    ))
}

/// NCRONTAB: a second before the five fields. Where both days are given it asks for both, not for either.
fn expression(job: &Job) -> Result<String, Unfit> {
    if job.at.zone() != chrono_tz::Tz::UTC {
        return Err(Unfit(format!(
            "Azure's timers go by UTC (a zone is the whole app's, by WEBSITE_TIME_ZONE, and not on every plan): write --at in UTC, not in {}",
            job.at.zone()
        )));
    }
    let fields = Fields::of(&job.at)?;
    if fields.has_both_days() {
        return Err(Unfit(
            "NCRONTAB asks for both days where both are given: make two schedules of it, with two apps".to_owned(),
        ));
    }
    let [second, minute, hour, day, month, weekday] =
        [&fields.second, &fields.minute, &fields.hour, &fields.day, &fields.month, &fields.weekday]
            .map(super::fields::Field::stepped);
    Ok(format!("{second} {minute} {hour} {day} {month} {weekday}"))
}

const HEAD: &str = r#"#!/bin/sh
# MARK azure-functions
#
# Writes the files of an app for Azure Functions into this folder; publish them by `func azure functionapp publish`.
# They were never published where they are made: read them first. Put beside host.json the worker, built for Linux and
# called tokenkeeper-worker, and tokenkeeper.toml. Settings of the app: TOKENKEEPER_CONFIG=tokenkeeper.toml,
# TOKENKEEPER_JOURNAL=off (no disk outlives the app), and, as references to a Key Vault, TOKENKEEPER_DATABASE_URL and
# TOKENKEEPER_KEY, for clean-ups TOKENKEEPER_CLEANUP_DATABASE_URL.
set -eu

# What is there and not ours stays.
for file in host.json Refresh/function.json Cleanup/function.json; do
    if [ -e "$file" ] && [ ! -e .tokenkeeper-schedule ]; then
        echo "$file is there and not ours: call this in another folder" >&2
        exit 2
    fi
done
echo 'MARK' >.tokenkeeper-schedule

# The host starts the worker, which sees FUNCTIONS_CUSTOMHANDLER_PORT and answers the host's calls there.
# functionTimeout: the most of the consumption plan; a run begins nothing new after its deadline (5 min).
# A lock in the app's storage lets one instance of the app call at a time; a failed call is not repeated.
cat >host.json <<'JSON'
{
  "version": "2.0",
  "functionTimeout": "00:10:00",
  "customHandler": {
    "description": {
      "defaultExecutablePath": "tokenkeeper-worker",
      "arguments": ["daemon"]
    },
    "enableForwardingHttpRequest": false
  }
}
JSON
"#;
