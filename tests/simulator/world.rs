//! Everything that a schedule moves, on one clock: whose turn it is, and how long things take.
//! What each does in its turn lies in its own room.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::{clock, store::Store};
use tokenkeeper_worker::config::TokenConfig;

use crate::{
    consumer::Consumer,
    facts::Facts,
    human::Act,
    journal::Folder,
    model_store::ModelStore,
    nemesis::{Nemesis, Weather},
    provider::Provider,
    rules::{Rule, Rules},
    setting::Setting,
    wire::Call,
    worker::Worker,
};

/// One schedule in progress.
pub struct World {
    pub now: DateTime<Utc>,
    pub rng: Rng,
    pub rules: Rules,
    pub setting: Setting,
    pub config: Arc<TokenConfig>,
    /// Seals answers into their lines; it is never connected.
    pub sealing: Store,
    pub store: ModelStore,
    pub provider: Provider,
    /// The password that the workers are configured with.
    pub password: u32,
    pub calls: Vec<Call>,
    /// By host.
    pub journals: Vec<Folder>,
    pub workers: Vec<Worker>,
    pub consumers: Vec<Consumer>,
    pub acts: Vec<(DateTime<Utc>, Act)>,
    pub nemesis: Nemesis,
    /// Until when the database is out of reach.
    pub outage: DateTime<Utc>,
    pub facts: Facts,
    pub trace: Option<Vec<String>>,
    numbers: u64,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Act(usize),
    Call(usize),
    Worker(usize),
    Task(usize, usize),
    Consumer(usize),
}

/// Adds a line to the trace, where there is one.
macro_rules! say {
    ($world:expr, $($words:tt)*) => {
        if $world.trace.is_some() {
            let line = format!($($words)*);
            $world.trace_line(&line);
        }
    };
}
pub(crate) use say;

impl World {
    pub fn new(seed: u64, setting: Setting, mut rng: Rng, rules: Rules, sealing: Store) -> Self {
        let now = start();
        let nemesis = Nemesis::of(setting.weather, &mut rng);
        let config = Arc::new(setting.token_config());
        let mut provider = Provider::new(setting.rotation, setting.life);
        let store = ModelStore { rows: setting.rows(&mut provider, now), rules };
        let workers =
            (0..setting.workers).map(|at| Worker::new(at, &setting, now, &mut rng)).collect();
        let consumers =
            (0..setting.consumers).map(|_| Consumer::new(store.rows.len(), now)).collect();
        let journals = (0..setting.hosts).map(|_| Folder::default()).collect();
        let acts = Act::drawn(&setting, now, &mut rng);
        let facts = Facts::new(&store, seed);
        let (calls, trace) = (Vec::new(), None);
        Self {
            now,
            rng,
            rules,
            setting,
            config,
            sealing,
            store,
            provider,
            password: 0,
            calls,
            journals,
            workers,
            consumers,
            acts,
            nemesis,
            outage: now,
            facts,
            trace,
            numbers: 0,
        }
    }

    /// The next turn of whoever is next; `false` when that is not before `end`.
    pub fn turn(&mut self, end: DateTime<Utc>) -> bool {
        let Some((at, turn)) = self.next_turn() else { return false };
        if at >= end {
            self.now = self.now.max(end);
            return false;
        }
        self.now = self.now.max(at);
        match turn {
            Turn::Act(at) => self.act(at),
            Turn::Call(at) => self.arrive(at),
            Turn::Worker(worker) => self.work(worker),
            Turn::Task(worker, task) => self.work_on(worker, task),
            Turn::Consumer(consumer) => self.consume(consumer),
        }
        self.check();
        true
    }

    /// The earliest; among equals chance decides.
    fn next_turn(&mut self) -> Option<(DateTime<Utc>, Turn)> {
        let (mut best, mut equals): (Option<(DateTime<Utc>, Turn)>, u32) = (None, 0);
        let mut rng = self.rng.clone();
        let mut offer = |at: DateTime<Utc>, turn: Turn| match &best {
            Some((time, _)) if *time < at => {}
            Some((time, _)) if *time == at => {
                equals += 1;
                if rng.u32(0..=equals) == 0 {
                    best = Some((at, turn));
                }
            }
            _ => (best, equals) = (Some((at, turn)), 0),
        };
        for (at, (time, _)) in self.acts.iter().enumerate() {
            offer(*time, Turn::Act(at));
        }
        for (at, call) in self.calls.iter().enumerate() {
            if let Some(due) = call.due {
                offer(due, Turn::Call(at));
            }
        }
        for (number, worker) in self.workers.iter().enumerate() {
            let thaws = worker.frozen_until;
            if worker.tasks.is_empty() {
                offer(worker.at.max(thaws), Turn::Worker(number));
            }
            for (at, task) in worker.tasks.iter().enumerate() {
                offer(self.task_due(task).max(thaws), Turn::Task(number, at));
            }
        }
        for (number, consumer) in self.consumers.iter().enumerate() {
            offer(consumer.at, Turn::Consumer(number));
        }
        self.rng = rng;
        best
    }

    /// The protocol's rule counts.
    pub fn keeps(&self, rule: Rule) -> bool {
        self.rules.keep(rule)
    }

    /// A little later: how long a statement, a write or a scheduler takes.
    pub fn soon(&mut self) -> DateTime<Utc> {
        match self.rng.u8(0..10) {
            0..=3 => self.now,
            4..=8 => self.lag(Duration::ZERO, Duration::from_millis(50)),
            _ => self.lag(Duration::ZERO, Duration::from_secs(3)),
        }
    }

    /// Half of a round trip to the provider: two stay below the time that an exchange has.
    pub fn provider_lag(&mut self) -> DateTime<Utc> {
        let most = if self.rng.u8(0..6) == 0 { 14_500 } else { 400 };
        self.lag(Duration::ZERO, Duration::from_millis(most))
    }

    /// Between `least` and `most` from now.
    pub fn lag(&mut self, least: Duration, most: Duration) -> DateTime<Utc> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        let drawn = self.rng.u64(millis(least)..=millis(most));
        clock::after(self.now, Duration::from_millis(drawn))
    }

    pub fn draw_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn trace_line(&mut self, line: &str) {
        let since = clock::until(start(), self.now).as_millis();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>6}.{:03} s  {line}", since / 1000, since % 1000));
        }
    }

    /// Nothing goes wrong from now on, and who was frozen goes on.
    pub fn heal(&mut self) {
        say!(self, "-- the last fault has passed");
        self.nemesis.weather = Weather::Calm;
        self.nemesis.is_over = true;
        self.outage = self.now;
        self.acts.clear();
        for worker in &mut self.workers {
            worker.frozen_until = self.now.min(worker.frozen_until);
        }
    }
}

/// Any instant will do.
pub fn start() -> DateTime<Utc> {
    clock::from_millis(1_767_225_600_000)
}
