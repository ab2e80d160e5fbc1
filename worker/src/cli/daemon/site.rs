//! What the loop and the calls from outside share: who has the turn, how the loop is, and the configuration in force.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokenkeeper_shared::{
    clock::SystemClock,
    exit::{Exit, Failure},
    http::{digest::Digest, guesses::Guesses},
    metrics::{Families, attempts::Attempts},
    store::Store,
};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::{
    cli::{
        call::{Answer, Callee},
        context::Context,
    },
    daemon::pulse::Pulse,
    order::Order,
    stop::Stop,
};

/// All of it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) pulse: Arc<Pulse>,
    /// The hash of the key that `POST /run` takes.
    pub(super) key: Option<Digest>,
    pub(super) guesses: Guesses,
    pub(super) clock: SystemClock,
    pub(super) attempts: Attempts,
    context: RwLock<Arc<Context>>,
    config: Option<PathBuf>,
    stop: Stop,
    /// Whoever does a pass, or a clean-up that was called for, holds this.
    turn: Arc<Turn<()>>,
    /// Why the last look at the database did not work.
    look: Mutex<Result<(), String>>,
    /// What reads the figures, and by which configuration.
    reader: Turn<Option<(Arc<Context>, Store)>>,
}

/// What became of a call.
pub(super) enum Called {
    /// It was done, or failed.
    Done(Result<Answer, Failure>),
    /// Something else is being done.
    Busy,
}

impl Site {
    pub(super) fn new(
        context: Arc<Context>,
        config: Option<PathBuf>,
        key: Option<Digest>,
        pulse: Arc<Pulse>,
        stop: Stop,
    ) -> Self {
        Self {
            pulse,
            key,
            guesses: Guesses::default(),
            clock: SystemClock::new(),
            attempts: Attempts::default(),
            context: RwLock::new(context),
            config,
            stop,
            turn: Arc::default(),
            look: Mutex::new(Err("the database was not reached yet".to_owned())),
            reader: Turn::default(),
        }
    }

    pub(super) fn context(&self) -> Arc<Context> {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another configuration in force.
    pub(super) fn renew(&self, context: Arc<Context>) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
    }

    /// The database was looked at.
    pub(super) fn looked(&self, how: Result<(), String>) {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner) = how;
    }

    /// How the last look went.
    pub(super) fn look(&self) -> Result<(), String> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The figures, of the database as it is now. Anybody may ask: whoever does waits for the others, and all use the
    /// same few connections.
    pub(super) async fn families(&self) -> Result<Families, Failure> {
        let mut reader = self.reader.lock().await;
        let context = self.context();
        let store = match reader.take() {
            Some((of, store)) if Arc::ptr_eq(&of, &context) => store,
            earlier => {
                if let Some((_, store)) = earlier {
                    store.close().await;
                }
                context.reader()?
            }
        };
        let (_, store) = reader.insert((context, store));
        store.check_schema().await?;
        Ok(Families::read(store, &self.attempts, |_| true).await?)
    }

    /// Waits until nobody else is at it.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    /// Does what is asked, unless something is being done. In a task of its own: a caller who leaves must not cut an
    /// exchange off.
    pub(super) async fn call(&self, order: Order) -> Called {
        let Ok(turn) = self.turn.clone().try_lock_owned() else { return Called::Busy };
        let (context, config) = (self.context(), self.config.clone());
        let callee = Callee { context, config, stop: self.stop.clone() };
        let done = tokio::spawn(async move {
            let done = callee.obey(&order).await;
            drop(turn);
            done
        });
        let defect = |error| Failure::new(Exit::Internal, format!("a defect: {error}"));
        Called::Done(done.await.unwrap_or_else(|error| Err(defect(error))))
    }
}
