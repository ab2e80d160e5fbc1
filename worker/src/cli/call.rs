//! Does what a call from outside asks for, with the same report as the command line prints. How calls come is not here
//! but in `daemon::http` and beneath it, and in `lambda`.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tokenkeeper_shared::{
    clock::SystemClock,
    exit::{Exit, Failure},
    name::TokenName,
};

use super::{
    cleanup::apply::{Figures, Telling, of_job, take_until_own},
    context::{self, Context},
    run,
};
use crate::{
    cleanup::{
        database::{Access, Database},
        hold::Hold,
        policy::Policy,
        replicas::Replicas,
        turn::{Turn, Turned, Wish},
    },
    config::CleanupJob,
    order::Order,
    pass,
    stop::Stop,
};

/// Who does it, and with what.
#[derive(Debug, Clone)]
pub(super) struct Callee {
    pub(super) context: Arc<Context>,
    /// The configuration file that was named.
    pub(super) config: Option<PathBuf>,
    pub(super) stop: Stop,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) report: Value,
    /// In words; nothing where nothing was due.
    pub(super) words: String,
}

impl Callee {
    pub(super) async fn obey(&self, order: &Order) -> Result<Answer, Failure> {
        match order {
            Order::Run(names) => self.run(names).await,
            Order::Cleanup(names) => self.clean(names).await,
        }
    }

    async fn run(&self, names: &[TokenName]) -> Result<Answer, Failure> {
        let context = &self.context;
        run::known(context, names)?;
        let store = context.store().await?;
        let done = async {
            let exchanger = context.exchanger(store.clone(), self.stop.clone()).await?;
            Ok(pass::run(context::shared(exchanger), &context.config, names).await?)
        };
        let done: Result<_, Failure> = done.await;
        store.close().await;
        let report = done?;
        Ok(Answer { exit: report.exit(), words: run::counts(&report), report: value(&report)? })
    }

    async fn clean(&self, names: &[String]) -> Result<Answer, Failure> {
        let jobs = names.iter().map(|name| self.job(name)).collect::<Result<Vec<_>, _>>()?;
        let (mut reports, mut words, mut exit) = (Vec::new(), Vec::new(), Exit::Ok);
        for job in jobs {
            let url = job.database.resolve(&self.context.environment, "database")?;
            let url = url.expose().parse();
            let url =
                url.map_err(|error| Failure::new(Exit::Usage, format!("database: {error}")))?;
            let database = Database::open(url, Access::Change)?;
            let environment = &self.context.environment;
            let (replicas, warning) = of_job(environment, job, &database).await?;
            words.extend(warning.map(str::to_owned));
            for policy in &job.policies {
                if self.stop.is_asked() {
                    exit = exit.max(Exit::Partly);
                    reports.push(json!({ "policy": policy.name, "status": "not_begun", "held_back": STOPPED }));
                    words.push(format!("{}: not begun: {STOPPED}", policy.name));
                    continue;
                }
                let turned = self.turn(job, policy, &database, replicas.as_ref()).await;
                let turned = turned.map_err(|failure| failure.naming(database.url()))?;
                exit = exit.max(turned.exit());
                let (report, lines) = told(&turned)?;
                reports.push(report);
                words.extend(lines);
            }
            if let Some(replicas) = replicas {
                replicas.close().await;
            }
            database.close().await;
        }
        Ok(Answer { exit, report: json!({ "cleanups": reports }), words: words.join("; ") })
    }

    fn job(&self, name: &str) -> Result<&CleanupJob, Failure> {
        let jobs = &self.context.config.cleanups;
        jobs.get(name).ok_or_else(|| {
            let known = jobs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let shown: String = name.escape_debug().take(64).collect();
            let message = format!("no table [cleanup.{shown}] is configured; there are: {known}");
            Failure::new(Exit::NoSuchName, message)
        })
    }

    /// One run whose slot is this minute: a call that is repeated at once finds it done.
    async fn turn(
        &self,
        job: &CleanupJob,
        policy: &Policy,
        database: &Database,
        replicas: Option<&Replicas>,
    ) -> Result<Turned, Failure> {
        let (host, clock) = (SystemClock::new(), database.clock().await?);
        let slot = clock.utc().format("%Y-%m-%dT%H:%MZ").to_string();
        let wish = Wish { slot: Some(slot), ..job.wish.clone() };
        let hold = Hold::new(&job.restraint, &self.stop, &host, clock.utc()).waiting_for(replicas);
        let environment = &self.context.environment;
        let figures = Figures { environment, config: self.config.clone() };
        let telling = Telling { figures, json: self.context.json };
        let turn = Turn { policy, database, clock, wish: &wish, hold: &hold };
        let mut session = database.session().await?;
        let turned = take_until_own(&turn, &mut session, &telling).await;
        session.close().await;
        turned
    }
}

fn told(turned: &Turned) -> Result<(Value, Vec<String>), Failure> {
    match turned {
        Turned::Ended(report, _) | Turned::Left(report) => Ok((value(report)?, report.lines())),
        Turned::Refused(plan, doubts) => {
            let lines = doubts.iter().cloned().chain(["refused: nothing was deleted".to_owned()]);
            Ok((json!({ "refused": doubts, "plan": value(plan)? }), lines.collect()))
        }
    }
}

fn value(report: &impl serde::Serialize) -> Result<Value, Failure> {
    let value = serde_json::to_value(report);
    value.map_err(|error| Failure::new(Exit::Internal, error.to_string()))
}

const STOPPED: &str = "the worker was asked to stop, or its time is over: the next call does it";
