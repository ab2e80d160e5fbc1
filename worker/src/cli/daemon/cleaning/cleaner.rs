//! One clean-up at its times. Each run is called by the instant that it was due at, so
//! that of many daemons one does it; of instants that were missed the last one is made up for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokenkeeper_shared::{
    clock::{self, Clock, SystemClock},
    exit::{Exit, Failure},
};

use crate::{
    backoff::Delays,
    cleanup::{
        database::{Access, Database},
        hold::Hold,
        ledger,
        policy::Policy,
        replicas::Replicas,
        turn::{Turn, Turned, Wish},
    },
    cli::{
        cleanup::apply::{Figures, Telling, of_job, take_until_own, tell},
        context::Context,
        output,
    },
    config::CleanupJob,
    report,
    stop::Stop,
};

/// A table `[cleanup.NAME]`, and what is known of its runs.
pub(super) struct Cleaner {
    name: String,
    context: Arc<Context>,
    config: Option<PathBuf>,
    stop: Stop,
    /// Up to here everything was done, by the cleaned database's time.
    done: Option<DateTime<Utc>>,
    /// What was said last, which is not said again.
    told: String,
}

impl Cleaner {
    pub(super) fn new(
        name: String,
        context: Arc<Context>,
        config: Option<PathBuf>,
        stop: Stop,
    ) -> Self {
        Self { name, context, config, stop, done: None, told: String::new() }
    }

    /// Does what is due when it is, until it is asked to stop.
    pub(super) async fn stay(mut self) {
        let mut delays = delays();
        while !self.stop.is_asked() {
            let pause = match self.once().await {
                Ok(pause) => {
                    delays = self::delays();
                    pause
                }
                Err(failure) => {
                    self.say(format!("{failure}: trying again until it works"));
                    delays.next().unwrap_or(LAST_TRY)
                }
            };
            self.rest(pause).await;
        }
    }

    /// Sleeps in slices, by a clock that goes on while the machine sleeps.
    async fn rest(&self, pause: Duration) {
        let clock = SystemClock::new();
        let until = clock.monotonic().saturating_add(pause);
        while !self.stop.is_asked() {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.stop.within(left.min(SLICE)).await;
        }
    }

    /// Does what is due, and tells how long nothing is. A database whose answer may pass is asked again.
    async fn once(&mut self) -> Result<Duration, Failure> {
        let url = self.job().database.resolve(&self.context.environment, "database")?;
        let url = url
            .expose()
            .parse()
            .map_err(|e| Failure::new(Exit::Usage, format!("database: {e}")))?;
        let database = Database::open(url, Access::Change)?;
        let url = database.url().clone();
        let done = self.catch_up(&database).await;
        database.close().await;
        done.map_err(|failure| failure.naming(&url))
    }

    async fn catch_up(&mut self, database: &Database) -> Result<Duration, Failure> {
        let now = database.clock().await?.utc();
        let from = match self.done {
            Some(done) => done,
            None => self.last_begun(database).await?.unwrap_or(now),
        };
        // From here on what comes is missed if it is not done.
        self.done = Some(from);
        if let Some(slot) = self.job().schedule.last_within(from, now) {
            match self.clean(slot, database).await {
                Ok(Done::Elsewhere) => return Ok(LEASE),
                Ok(Done::Here) => {}
                Err(failure) if failure.exit == Exit::Temporary => return Err(failure),
                // Until the next time: somebody must mend it, or has stopped us.
                Err(failure) => self.say(failure.to_string()),
            }
        }
        self.done = Some(now.max(from));
        let next = self.job().schedule.next_after(now);
        Ok(next.map_or(LONGEST, |next| clock::until(now, next)).min(LONGEST))
    }

    /// When the latest run of these policies began that one of them has had; nothing was missed before the first one.
    async fn last_begun(&self, database: &Database) -> Result<Option<DateTime<Utc>>, Failure> {
        let mut session = database.session().await?;
        let mut first: Option<DateTime<Utc>> = None;
        for policy in &self.job().policies {
            for told in ledger::history(&mut session, Some(&policy.name), 1).await? {
                let began = told.started_at.parse::<DateTime<Utc>>().ok();
                // One that is not over may need somebody who takes it up.
                let over = TimeDelta::seconds(i64::from(told.is_running()));
                first = first.into_iter().chain(began.map(|began| began - over)).min();
            }
        }
        session.close().await;
        Ok(first)
    }

    async fn clean(&mut self, slot: DateTime<Utc>, database: &Database) -> Result<Done, Failure> {
        let job = self.job().clone();
        let wish = Wish { slot: Some(report::text(slot)), ..job.wish.clone() };
        let replicas = self.replicas(database).await?;
        let mut done = Done::Here;
        for policy in &job.policies {
            if let Done::Elsewhere = self.turns(policy, &wish, database, replicas.as_ref()).await? {
                done = Done::Elsewhere;
            }
        }
        if let Some(replicas) = replicas {
            replicas.close().await;
        }
        Ok(done)
    }

    /// Those that the runs wait for, when they can be asked.
    async fn replicas(&mut self, database: &Database) -> Result<Option<Replicas>, Failure> {
        let (replicas, warning) = of_job(&self.context.environment, self.job(), database).await?;
        if let Some(warning) = warning {
            self.say(warning.to_owned());
        }
        Ok(replicas)
    }

    /// The slot's run, of one policy.
    async fn turns(
        &mut self,
        policy: &Policy,
        wish: &Wish,
        database: &Database,
        replicas: Option<&Replicas>,
    ) -> Result<Done, Failure> {
        let (context, job) = (self.context.clone(), self.job().clone());
        let (host, clock) = (SystemClock::new(), database.clock().await?);
        let stop = self.stop.clone();
        let hold = Hold::new(&job.restraint, &stop, &host, clock.utc()).waiting_for(replicas);
        let figures = Figures { environment: &context.environment, config: self.config.clone() };
        let telling = Telling { figures, json: context.json };
        let turn = Turn { policy, database, clock, wish, hold: &hold };
        let mut session = database.session().await?;
        let turned = take_until_own(&turn, &mut session, &telling).await;
        session.close().await;
        match turned? {
            Turned::Left(report) if report.status == "running" => {
                self.say(report.lines().join("; "));
                Ok(Done::Elsewhere)
            }
            Turned::Left(report) => tell(&report, context.json).map(|()| Done::Here),
            Turned::Ended(..) | Turned::Refused(..) => Ok(Done::Here),
        }
    }

    fn job(&self) -> &CleanupJob {
        &self.context.config.cleanups[&self.name]
    }

    /// Says something, once.
    fn say(&mut self, text: String) {
        if self.told != text {
            output::note(&format!("cleanup {}: {text}", self.name));
            self.told = text;
        }
    }
}

/// What became of a slot.
#[derive(Debug, Clone, Copy)]
enum Done {
    /// It is over for us.
    Here,
    /// Somebody else is at it, and may die over it.
    Elsewhere,
}

fn delays() -> Delays {
    Delays::doubling(FIRST_TRY, LAST_TRY)
}

/// How late a machine that slept looks at the time.
const SLICE: Duration = Duration::from_secs(5);
/// A cleaned database whose clock is set is asked the time this often.
const LONGEST: Duration = Duration::from_secs(3600);
/// After this a runner that died is noticed.
const LEASE: Duration = Duration::from_secs(300);
/// Clean-ups do not press.
const FIRST_TRY: Duration = Duration::from_secs(10);
/// A slot an hour is still made up for.
const LAST_TRY: Duration = Duration::from_secs(600);
