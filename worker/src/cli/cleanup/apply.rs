//! `cleanup --apply`: deletes what the policies say is dead, after the look that would refuse it.

mod arguments;
mod bar;
mod figures;
mod lag;
mod waiting;

use std::collections::BTreeMap;

use tokenkeeper_shared::{
    clock::SystemClock,
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
};

pub(super) use self::arguments::ApplyArguments;
use self::bar::Bar;
pub(in crate::cli) use self::{figures::Figures, lag::of_job};
use super::{chosen, output};
use crate::{
    cleanup::{
        database::{Access, Database, Session},
        drive::Ended,
        hold::Hold,
        policy::Policy,
        report::Report,
        survey::Plan,
        turn::{Backup, Turn, Turned},
    },
    cli::signals,
};

/// Whom a run is told to.
#[derive(Debug)]
pub(in crate::cli) struct Telling<'a> {
    /// Those who watch.
    pub(in crate::cli) figures: Figures<'a>,
    /// Whether the caller reads JSON.
    pub(in crate::cli) json: bool,
}

pub(super) async fn apply(
    policies: &BTreeMap<String, Policy>,
    names: &[String],
    url: DatabaseUrl,
    arguments: &ApplyArguments,
    telling: &Telling<'_>,
) -> Result<Exit, Failure> {
    let database = Database::open(url, Access::Change)?;
    let clock = database.clock().await?;
    let (stop, restraint, host) = (signals::stop()?, arguments.restraint(), SystemClock::new());
    let (wish, hold) = (arguments.wish(), Hold::new(&restraint, &stop, &host, clock.utc()));
    let replicas = arguments.lag.replicas(telling.figures.environment, &database).await?;
    let hold = hold.waiting_for(replicas.as_ref());
    let mut worst = Exit::Ok;
    let chosen = chosen(policies, names, &database, clock).await?;
    if matches!(wish.backup, Backup::File(..)) && chosen.len() > 1 {
        let message = "a backup file is one policy's: name the policy".to_owned();
        return Err(Failure::new(Exit::Usage, message));
    }
    for policy in chosen {
        let turn = Turn { policy, database: &database, clock, wish: &wish, hold: &hold };
        let mut session = database.session().await?;
        let turned = take(&turn, &mut session, telling).await?;
        session.close().await;
        if let Turned::Left(report) = &turned {
            tell(report, telling.json)?;
        }
        let exit = turned.exit();
        // A refusal, or a defect, before what will be done the next time.
        worst = match (worst, exit) {
            (Exit::Ok, exit) | (Exit::Partly, exit @ (Exit::Usage | Exit::Internal)) => exit,
            (worst, _) => worst,
        };
    }
    if let Some(replicas) = &replicas {
        replicas.close().await;
    }
    database.close().await;
    Ok(worst)
}

/// Takes turns until the wished slot has had its own: what was cut off is taken up before it.
pub(in crate::cli) async fn take_until_own(
    turn: &Turn<'_>,
    session: &mut Session,
    telling: &Telling<'_>,
) -> Result<Turned, Failure> {
    loop {
        match take(turn, session, telling).await? {
            Turned::Ended(report, _)
                if Some(&report.slot) != turn.wish.slot.as_ref() && !turn.hold.stop.is_asked() => {}
            turned => return Ok(turned),
        }
    }
}

/// Takes a turn and tells what came of it, but for one that was left to another runner.
pub(in crate::cli) async fn take(
    turn: &Turn<'_>,
    session: &mut Session,
    telling: &Telling<'_>,
) -> Result<Turned, Failure> {
    let (bar, watch) = Bar::begin(&turn.policy.name, telling.json);
    let turned = turn.take(&watch, session).await;
    bar.end(watch).await;
    let turned = turned?;
    match &turned {
        Turned::Left(_) => {}
        Turned::Refused(plan, doubts) => refuse(plan, doubts, telling.json)?,
        Turned::Ended(report, ended) => {
            tell(report, telling.json)?;
            if *ended != Ended::Fenced {
                telling.figures.note(report).await;
            }
            let given_up = turn.retain(*ended, session).await?;
            for report in given_up.iter().filter(|report| !report.runs.is_empty()) {
                report.lines().iter().take(1).for_each(|line| output::note(line));
            }
        }
    }
    Ok(turned)
}

fn refuse(plan: &Plan, doubts: &[String], json: bool) -> Result<(), Failure> {
    if json {
        output::json(plan)?;
    } else if plan.is_refused() {
        for line in plan.lines() {
            output::line(&line)?;
        }
    }
    for line in doubts {
        output::note(line);
    }
    output::note("refused: nothing was deleted");
    Ok(())
}

pub(in crate::cli) fn tell(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(report);
    }
    for line in report.lines() {
        output::line(&line)?;
    }
    Ok(())
}
