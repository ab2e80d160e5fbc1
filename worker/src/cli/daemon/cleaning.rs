//! Clean-ups at their times: a task for each `[cleanup.NAME]`, so that none waits for another. What each does is
//! `cleaner`.

mod cleaner;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use self::cleaner::Cleaner;
use crate::{
    cli::{context::Context, output},
    stop::Stop,
};

/// The tasks of the configuration in force, and those of earlier ones that are not over yet.
#[derive(Debug)]
pub(super) struct Cleaners {
    hand: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Cleaners {
    /// Begins them, until they are ended or the whole process is asked to stop.
    pub(super) fn begin(context: &Arc<Context>, config: Option<&Path>, all: &Stop) -> Self {
        let (hand, _) = Stop::by_hand();
        let mut cleaners = Self { hand, tasks: JoinSet::new() };
        cleaners.renew(context, config, all);
        cleaners
    }

    /// Begins those of another configuration. Those of the one before end by themselves, after what they are at.
    pub(super) fn renew(&mut self, context: &Arc<Context>, config: Option<&Path>, all: &Stop) {
        self.end();
        let (hand, stop) = Stop::by_hand();
        self.tasks.spawn(pass_on(all.clone(), stop.clone(), hand.clone()));
        for name in context.config.cleanups.keys() {
            let config = config.map(Path::to_owned);
            let cleaner = Cleaner::new(name.clone(), context.clone(), config, stop.clone());
            self.tasks.spawn(cleaner.stay());
        }
        self.hand = hand;
    }

    /// Lets each end after its batch.
    pub(super) fn end(&self) {
        self.hand.send_replace(true);
    }

    /// Waits for all of them, those of earlier configurations too.
    pub(super) async fn wait(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(panic) = ended {
                output::note(&format!("a clean-up ended by a defect of tokenkeeper: {panic}"));
            }
        }
    }
}

/// Those who clean need not wait for the pass that is under way.
async fn pass_on(all: Stop, own: Stop, hand: watch::Sender<bool>) {
    while !all.is_asked() && !own.is_asked() {
        tokio::select! {
            _ = all.within(LONG) => {}
            _ = own.within(LONG) => {}
        }
    }
    hand.send_replace(true);
}

/// Whoever asks ends it before.
const LONG: Duration = Duration::from_secs(3600);
