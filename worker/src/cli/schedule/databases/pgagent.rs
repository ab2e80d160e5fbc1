//! `schedule pgagent`: what it says. What it looks at and changes is `place`.

mod place;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::{Environment, holds_password},
};

use self::place::{Found, Place};
use super::{
    JobArguments,
    arguments::{job, text, zone},
    output, print, refused,
    sides::Sides,
    telling,
};
use crate::{
    cleanup::{dialect::Dialect, script::Job},
    schedule::databases::pgagent::{PgAgent, Step, Times},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct PgAgentArguments {
    #[command(flatten)]
    pub(super) common: JobArguments,
    /// The database that has pgAgent's tables, where it is not the one that is cleaned
    #[arg(long, value_name = "NAME")]
    agent_database: Option<String>,
    /// The time zone of pgAgent's sessions, by whose clock its jobs come [default: what the server's settings say, UTC unasked]
    #[arg(long, value_name = "ZONE")]
    agent_zone: Option<String>,
    /// Have pgAgent start this program on its host, with `cleanup POLICY --apply`, instead of a procedure of the database
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

pub(super) async fn run(
    environment: &Environment,
    arguments: &PgAgentArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let policy = arguments.common.policy()?;
    let job = job(&policy)?;
    let JobArguments { install, check, remove, .. } = arguments.common;
    if !(install || check || remove) {
        return arguments.print(environment, &job, json);
    }
    let url = arguments.common.url(environment, Dialect::Postgres)?;
    let done = async {
        let mut place = Place(Sides::open(&url, arguments.agent_database.as_deref()).await?);
        place.is_ready(!check).await?;
        if install {
            make(&job, arguments, &mut place, json).await
        } else if check {
            tell(&job, &mut place, json).await
        } else {
            let was = place.remove(&job).await?;
            telling::removed(&job.name(), was, json)
        }
    };
    done.await.map_err(|failure: Failure| failure.naming(&url))
}

impl PgAgentArguments {
    fn print(&self, environment: &Environment, job: &Job<'_>, json: bool) -> Result<Exit, Failure> {
        let times = self.times(self.agent_zone.as_deref().unwrap_or("UTC"))?;
        let elsewhere = match &self.agent_database {
            Some(_) => Some(self.common.url(environment, Dialect::Postgres)?.database()),
            None => None,
        };
        let texts = PgAgent::new(job, &self.step(job, elsewhere)?, &times);
        let between = self.agent_database.as_ref().map_or(String::new(), |name| {
            format!(
                "-- Here the text for the database {} begins, where pgAgent is.\n",
                name.escape_debug()
            )
        });
        print(&format!("{}{between}{}", texts.procedure, texts.job), &job.name(), json)
    }

    fn step(&self, job: &Job<'_>, elsewhere: Option<String>) -> Result<Step, Failure> {
        let Some(program) = &self.program else {
            return Ok(Step::Procedure { text: text(job, Dialect::Postgres)?, elsewhere });
        };
        let files = self.common.policy_files.as_deref();
        let mut words = vec![
            whole(program)?,
            "cleanup".to_owned(),
            job.policy.name.clone(),
            "--apply".to_owned(),
        ];
        if let Some(files) = files {
            words.extend(["--policy-files".to_owned(), whole(files)?]);
        }
        if let Some(url) = &self.common.database {
            if holds_password(url) {
                return Err(refused(PASSWORD));
            }
            words.extend(["--database".to_owned(), url.clone()]);
        }
        Step::program(&words).map_err(|error| refused(error.to_string()))
    }

    fn times(&self, by: &str) -> Result<Times, Failure> {
        let by = zone(by)?;
        let times = Times::new(&self.common.fields(by)?, by);
        times.map_err(|error| refused(error.to_string()))
    }
}

/// The agent's folder is another one.
fn whole(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|text| text.starts_with('/')).map(str::to_owned);
    text.ok_or_else(|| refused(format!("{} is no whole path: write it from / on", path.display())))
}

async fn make(
    job: &Job<'_>,
    arguments: &PgAgentArguments,
    place: &mut Place,
    json: bool,
) -> Result<Exit, Failure> {
    let zone = match &arguments.agent_zone {
        Some(zone) => zone.clone(),
        None => place.zone().await?.ok_or_else(|| refused(NO_ZONE))?,
    };
    let times = arguments.times(&zone)?;
    let fields = arguments.common.five(times.zone)?;
    let step = arguments.step(job, place.0.elsewhere.clone())?;
    place.install(job, &PgAgent::new(job, &step, &times)).await?;
    let next = place.ours(job).await?.map(|found| found.next).unwrap_or_default();
    let words = format!("at {fields} by the clock of pgAgent's sessions ({zone}), next {next}");
    telling::installed(&job.name(), &fields, &words, json)
}

async fn tell(job: &Job<'_>, place: &mut Place, json: bool) -> Result<Exit, Failure> {
    let name = job.name();
    let found = place.ours(job).await?;
    let amiss = amiss(found.as_ref(), job, place).await?;
    let last = match &found {
        Some(found) => place.last(found).await?,
        None => None,
    };
    let has_failed = last.as_ref().is_some_and(|last| last.has_failed);
    if json {
        let last = last.as_ref();
        let last = last
            .map(|last| json!({ "status": last.status, "began": last.began, "said": last.said }));
        output::json(&json!({ "version": 1, "job": name, "is_there": found.is_some(),
            "is_active": found.as_ref().is_some_and(|found| found.is_enabled), "amiss": amiss,
            "next_run": found.as_ref().map(|found| &found.next), "last_run": last }))?;
    } else {
        let next = found.map(|found| found.next).unwrap_or_default();
        let state = amiss.clone().unwrap_or_else(|| format!("is active, next {next}"));
        let last = last.map(|last| format!("{}: {}: {}", last.began, last.status, last.said));
        telling::state(&name, &state, last.as_deref())?;
    }
    Ok(if amiss.is_none() && !has_failed { Exit::Ok } else { Exit::Partly })
}

/// Why it would not come.
async fn amiss(
    found: Option<&Found>,
    job: &Job<'_>,
    place: &mut Place,
) -> Result<Option<String>, Failure> {
    let Some(found) = found else {
        return Ok(Some("is not there: make it with --install".to_owned()));
    };
    if !found.is_program && !place.0.has_procedure(job).await? {
        return Ok(Some("its procedure is gone: make it with --install".to_owned()));
    }
    if !found.is_enabled || found.next.is_empty() {
        return Ok(Some("is not active: make it so with --install".to_owned()));
    }
    let Some(agent) = place.agent().await? else {
        return Ok(Some(
            "no pgAgent is connected: start its program (pgagent) with this database".to_owned(),
        ));
    };
    let may = found.is_program || place.may_call(job, &agent).await?;
    Ok((!may).then(|| {
        let procedure = &job.procedure;
        format!("pgAgent's user may not call it: GRANT EXECUTE ON PROCEDURE {procedure}() TO \"{agent}\"")
    }))
}

const PASSWORD: &str = "--database holds a password, which whoever reads pgAgent's tables could read: set TOKENKEEPER_CLEANUP_DATABASE_URL \
     or …_FILE for pgAgent's own program instead";
const NO_ZONE: &str = "this user cannot see which time zone the server's sessions have: say it with --agent-zone (what SHOW timezone \
     says in a session of pgAgent's user)";
