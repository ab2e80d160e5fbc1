//! The loop that keeps tokens: a pass, then a rest until the next one is due. One pass at a time. When that is lies
//! in `timer`, what a pass does in `pass`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    store::{SCHEMA_CHANGE, Store, StoreError},
};
use tokio::time::sleep;

use super::{Orders, outlook::next_due, site::Site};
use crate::{
    backoff::Delays,
    cli::{
        context::{self, Context},
        output, run,
    },
    daemon::{
        ears::Ears,
        systemd::{Systemd, now},
    },
    pass,
    report::{self, Report},
    timer,
};

/// The loop, and what it knows from one pass to the next.
pub(super) struct Keep {
    pub(super) context: Arc<Context>,
    pub(super) systemd: Systemd,
    site: Arc<Site>,
    open: Option<Open>,
    /// When the last pass ended, by the database's time.
    ended: Option<DateTime<Utc>>,
    last: String,
    /// Tokens that the last pass found waiting, which were told then.
    told: BTreeSet<String>,
    outage: Option<Delays>,
    has_begun: bool,
}

/// The store, once the database was reached, and what hears of its changes.
struct Open {
    store: Store,
    ears: Ears,
}

impl Keep {
    pub(super) fn new(context: Arc<Context>, site: Arc<Site>, systemd: Systemd) -> Self {
        Self {
            context,
            systemd,
            site,
            open: None,
            ended: None,
            last: "no pass yet".to_owned(),
            told: BTreeSet::new(),
            outage: None,
            has_begun: false,
        }
    }

    /// Keeps tokens until somebody asks for something else.
    ///
    /// # Errors
    /// [`Failure`] before the database was reached for the first time, when trying again would not help.
    pub(super) async fn until_ordered(&mut self, orders: &mut Orders) -> Result<(), Failure> {
        while !orders.is_any() {
            if self.context.config.tokens.is_empty() {
                self.rest_without_tokens(orders).await;
                continue;
            }
            match self.pass(orders).await {
                Ok(report) => {
                    self.tell(report)?;
                    // What goes wrong here goes wrong in the pass that follows, and is told there.
                    if let Err(error) = self.rest(orders).await {
                        self.site.looked(Err(error.to_string()));
                    }
                }
                Err(failure) => self.wait_out(failure, orders).await?,
            }
        }
        Ok(())
    }

    /// Goes on with another configuration.
    pub(super) async fn renew(&mut self, context: Arc<Context>, store: Option<Store>) {
        self.close().await;
        self.context = context;
        self.open = store.map(Open::of);
        self.ended = None;
    }

    pub(super) async fn close(&mut self) {
        if let Some(Open { store, ears }) = self.open.take() {
            drop(ears);
            store.close().await;
        }
    }

    async fn pass(&mut self, orders: &Orders) -> Result<Report, Failure> {
        // Somebody outside may have called for one.
        self.site
            .pulse
            .promise(now(), timer::longest_pass(self.context.config.run.deadline) + STEP);
        let _turn = self.site.turn().await;
        // The first contact may migrate.
        self.site.pulse.promise(now(), SCHEMA_CHANGE + STEP);
        let store = if let Some(open) = &self.open {
            open.store.clone()
        } else {
            let store = self.context.store().await?;
            self.open = Some(Open::of(store.clone()));
            store
        };
        let exchanger = self.context.exchanger(store.clone(), orders.stop.clone()).await?;
        self.reached();
        self.systemd.status("a pass is under way");
        self.site.pulse.promise(now(), timer::longest_pass(self.context.config.run.deadline));
        let time = exchanger.time.clone();
        let report = pass::run(context::shared(exchanger), &self.context.config, &[]).await?;
        self.ended = Some(time.now());
        Ok(report)
    }

    /// The database answers.
    fn reached(&mut self) {
        self.site.looked(Ok(()));
        if self.outage.take().is_some() {
            output::note("the database is back");
        }
        if !self.has_begun {
            self.has_begun = true;
            self.systemd.ready();
        }
    }

    /// The database is away, or takes nothing: said once, and tried again at growing, random distances.
    async fn wait_out(&mut self, failure: Failure, orders: &Orders) -> Result<(), Failure> {
        self.site.looked(Err(failure.to_string()));
        let failure = failure.naming(&self.context.settings.database_url);
        if !self.has_begun && failure.exit != Exit::Temporary {
            return Err(failure);
        }
        if self.outage.is_none() {
            output::note(&format!("{failure}: trying again until it works"));
        }
        let delays = self.outage.get_or_insert_with(|| Delays::doubling(FIRST_TRY, LAST_TRY));
        let delay = delays.next().unwrap_or(LAST_TRY);
        self.systemd.status(&format!("waiting for the database: {failure}"));
        if !self.has_begun {
            self.systemd.starting(delay + SCHEMA_CHANGE);
        }
        self.site.pulse.promise(now(), delay + STEP);
        orders.within(delay).await;
        Ok(())
    }

    /// Rests until the next pass is due, or somebody asks for something. The machine may sleep meanwhile, and clocks
    /// may be set: each slice is short, and what counts is the database's time, carried on by a clock that goes on.
    async fn rest(&mut self, orders: &Orders) -> Result<(), StoreError> {
        let Some(Open { store, ears }) = &self.open else { return Ok(()) };
        while !orders.is_any() {
            self.site.pulse.promise(now(), STEP);
            let time = store.time().await?;
            let due = next_due(store, &self.context).await?;
            let (asked_at, next) =
                (store.monotonic(), || timer::until_next_pass(time.now(), self.ended, due));
            self.status(time.now(), next());
            loop {
                let left = next();
                if left.is_zero() || orders.is_any() {
                    return Ok(());
                }
                self.site.pulse.promise(now(), STEP);
                tokio::select! {
                    () = orders.within(left.min(SLICE)) => {}
                    () = ears.change() => {
                        // More come at once, mostly.
                        sleep(GATHER).await;
                        break;
                    }
                }
                let every = if ears.is_listening() { LOOK_LISTENING } else { SLICE };
                if store.monotonic().saturating_sub(asked_at) >= every {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn rest_without_tokens(&mut self, orders: &Orders) {
        self.reached();
        self.systemd.status("no tokens to keep: clean-ups alone");
        self.site.pulse.promise(now(), STEP);
        orders.within(SLICE).await;
    }

    fn status(&self, now: DateTime<Utc>, left: Duration) {
        let next = report::text(tokenkeeper_shared::clock::after(now, left));
        self.systemd.status(&format!("next pass at {next}; last: {}", self.last));
    }

    /// As `run` does, but for what waits on: that is told once.
    fn tell(&mut self, mut report: Report) -> Result<(), Failure> {
        self.last = match run::counts(&report) {
            counts if counts.is_empty() => "nothing was due".to_owned(),
            counts => counts,
        };
        let waiting = report.needs_login.iter().chain(&report.without_token).cloned();
        let told = std::mem::replace(&mut self.told, waiting.collect());
        let is_new = |name: &String| !told.contains(name);
        report.needs_login.retain(is_new);
        report.without_token.retain(is_new);
        if self.context.json && report.taken_up() == 0 && report.needs_login.is_empty() {
            return Ok(());
        }
        run::tell(&report, self.context.json).map(drop)
    }
}

impl Open {
    fn of(store: Store) -> Self {
        let ears = Ears::open(&store);
        Self { store, ears }
    }
}

/// A step of the loop between two looks at the pulse: two statements at their bounds, a slice, and room.
pub(super) const STEP: Duration = Duration::from_secs(120);
/// How soon a row that was made due is found where nobody tells of it: sooner than people look again, and two
/// statements each time. It is also how late a machine that slept, or whose clock was set, looks at the time.
const SLICE: Duration = Duration::from_secs(5);
/// A pooler may swallow what PostgreSQL tells.
const LOOK_LISTENING: Duration = Duration::from_secs(60);
/// A pass of another worker changes many rows within moments.
const GATHER: Duration = Duration::from_millis(50);
/// A database that restarts is back within seconds.
const FIRST_TRY: Duration = Duration::from_secs(1);
/// One that was away for long is found within half a minute, by each of many daemons at another moment.
const LAST_TRY: Duration = Duration::from_secs(30);
