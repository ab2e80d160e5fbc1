//! `schedule mysql-event`.

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use super::{
    JobArguments,
    arguments::{job, text},
    output, print, refused, telling,
};
use crate::{
    cleanup::{
        database::{Access, Database, Session},
        dialect::Dialect,
        policy::Case,
        script::Job,
        sql::{Bind, Sql},
    },
    schedule::databases::mysql_event::{script, statements},
};

pub(super) async fn run(
    environment: &Environment,
    arguments: &JobArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let policy = arguments.policy()?;
    let job = job(&policy)?;
    let JobArguments { install, check, remove, .. } = *arguments;
    if !(install || check || remove) {
        let text = text(&job, Dialect::MySql)?;
        return print(&script(&job, &text, &arguments.rhythm()?), &job.name(), json);
    }
    let url = arguments.url(environment, Dialect::MySql)?;
    let done = async {
        let mut session = Database::open(url.clone(), Access::Change)?.session().await?;
        if install {
            make(&job, arguments, &mut session, json).await
        } else if check {
            tell(&job, &mut session, json).await
        } else {
            remove_event(&job, &mut session, json).await
        }
    };
    done.await.map_err(|failure: Failure| failure.naming(&url))
}

async fn make(
    job: &Job<'_>,
    arguments: &JobArguments,
    session: &mut Session,
    json: bool,
) -> Result<Exit, Failure> {
    let (text, rhythm) = (text(job, Dialect::MySql)?, arguments.rhythm()?);
    if !is_on(session).await? {
        return Err(refused(format!("nothing was changed: {OFF}")));
    }
    ours(job, session).await?;
    for statement in statements(job, &text, &rhythm) {
        session.script(&statement).await?;
    }
    let every = rhythm.every();
    telling::installed(&job.name(), &every, &format!("{every} (UTC)"), json)
}

async fn tell(job: &Job<'_>, session: &mut Session, json: bool) -> Result<Exit, Failure> {
    let name = job.name();
    let found = ours(job, session).await?;
    let is_on = is_on(session).await?;
    let is_whole = has_procedure(job, session).await?;
    let last = last(job, session).await?;
    let failed = last.as_ref().is_some_and(|(status, _)| status == "failed");
    // A run that was refused at the look leaves no row.
    let is_silent = found.as_ref().is_some_and(|found| match (&found.began, &last) {
        (Some(began), Some((_, run))) => began > run,
        (began, None) => began.is_some(),
        _ => false,
    });
    let is_active = found.as_ref().is_some_and(|found| found.is_active);
    let state = match &found {
        None => "is not there: make it with --install",
        Some(_) if !is_whole => "its procedure is gone: make it with --install",
        Some(_) if !is_active => "is not active: make it so with --install",
        Some(_) if !is_on => OFF,
        Some(_) if is_silent => {
            "its last start left no run in the history: see the server's error log for why"
        }
        Some(_) => "is active",
    };
    if json {
        let began = found.as_ref().and_then(|found| found.began.as_ref());
        let status = last.as_ref().map(|(status, _)| status);
        output::json(
            &json!({ "version": 1, "job": name, "is_there": found.is_some(), "has_procedure": is_whole,
            "is_active": is_active, "is_scheduler_on": is_on, "last_start": began, "last_run": status }),
        )?;
    } else {
        let last = last.map(|(status, at)| format!("{at}: {status}"));
        telling::state(&name, state, last.as_deref())?;
    }
    let is_well = is_active && is_on && is_whole && !failed && !is_silent;
    Ok(if is_well { Exit::Ok } else { Exit::Partly })
}

async fn remove_event(job: &Job<'_>, session: &mut Session, json: bool) -> Result<Exit, Failure> {
    let name = job.name();
    let was = ours(job, session).await?.is_some() | has_procedure(job, session).await?;
    if was {
        session.script(&format!("DROP EVENT IF EXISTS `{name}`")).await?;
        session.script(&format!("DROP PROCEDURE IF EXISTS {}", job.procedure)).await?;
    }
    telling::removed(&name, was, json)
}

/// Our event.
struct Found {
    is_active: bool,
    /// When it last began, UTC.
    began: Option<String>,
}

/// Our event, where it is there.
///
/// # Errors
/// Where an event or procedure of its name is somebody else's.
async fn ours(job: &Job<'_>, session: &mut Session) -> Result<Option<Found>, Failure> {
    let mut routine = asked(ROUTINE);
    routine.bind(Bind::Text(job.procedure.to_string()));
    let mut event = asked(EVENT);
    event.bind(Bind::Text(job.name()));
    let not_ours = |what: String| {
        refused(format!(
            "there is {what} that tokenkeeper-worker has not made: nothing was changed; rename it"
        ))
    };
    let is_ours = |comment: &str| comment.starts_with("tokenkeeper-worker schedule: ");
    let comment = session.cell(&routine).await?;
    if comment.is_some_and(|comment| !is_ours(&comment)) {
        return Err(not_ours(format!("a procedure {}", job.procedure)));
    }
    let Some(row) = session.rows(&event).await?.into_iter().next() else { return Ok(None) };
    let [comment, status, began] = <[_; 3]>::try_from(row).unwrap_or_default();
    if !is_ours(&comment.unwrap_or_default()) {
        return Err(not_ours(format!("an event {}", job.name())));
    }
    Ok(Some(Found { is_active: status.as_deref() == Some("ENABLED"), began }))
}

async fn has_procedure(job: &Job<'_>, session: &mut Session) -> Result<bool, Failure> {
    let mut routine = asked(ROUTINE);
    routine.bind(Bind::Text(job.procedure.to_string()));
    Ok(session.cell(&routine).await?.is_some())
}

async fn is_on(session: &mut Session) -> Result<bool, Failure> {
    let said = session.cell(&asked("SELECT CAST(@@GLOBAL.event_scheduler AS CHAR)")).await?;
    Ok(said.is_some_and(|said| said == "ON" || said == "1"))
}

/// How the last run of the job's ended, and when it began.
async fn last(job: &Job<'_>, session: &mut Session) -> Result<Option<(String, String)>, Failure> {
    if session.cell(&asked(RUNS)).await?.is_none() {
        return Ok(None);
    }
    let mut sql = asked(LAST);
    sql.bind(Bind::Text(job.policy.name.clone())).push(" ORDER BY started_at DESC LIMIT 1");
    let row = session.rows(&sql).await?.into_iter().next();
    Ok(row.map(|row| {
        let [status, began] = <[_; 2]>::try_from(row).unwrap_or_default();
        (status.unwrap_or_default(), began.unwrap_or_default())
    }))
}

fn asked(statement: &'static str) -> Sql {
    let mut sql = Sql::new(Dialect::MySql, Case::Fold);
    sql.push(statement);
    sql
}

const OFF: &str = "the event scheduler is off: SET GLOBAL event_scheduler = ON, and write event_scheduler = ON into the \
     server's configuration";
const ROUTINE: &str = "SELECT CAST(routine_comment AS CHAR) FROM information_schema.routines \
     WHERE routine_schema = DATABASE() AND routine_name = ";
/// The server tells when it began in the zone of the session that asks.
const EVENT: &str = "SELECT CAST(event_comment AS CHAR), CAST(status AS CHAR), CAST(DATE_FORMAT(DATE_ADD('1970-01-01', \
     INTERVAL FLOOR(UNIX_TIMESTAMP(last_executed)) SECOND), '%Y-%m-%dT%H:%i:%sZ') AS CHAR) FROM information_schema.events \
     WHERE event_schema = DATABASE() AND event_name = ";
const RUNS: &str = "SELECT CAST(MIN(table_name) AS CHAR) FROM information_schema.tables \
     WHERE table_schema = DATABASE() AND table_name = 'tokenkeeper_cleanup_runs'";
const LAST: &str = "SELECT CAST(status AS CHAR), CAST(DATE_FORMAT(DATE_ADD('1970-01-01', INTERVAL started_at DIV 1000 SECOND), \
     '%Y-%m-%dT%H:%i:%sZ') AS CHAR) FROM tokenkeeper_cleanup_runs WHERE digest = 'job' AND policy = ";
