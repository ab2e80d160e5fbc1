//! Holds a run back between its batches: looks at the time and for the stop file, and rests. By what rules
//! lies in `restraint`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock::{Clock, after};

use super::{replicas::Replicas, restraint::Restraint};
use crate::stop::Stop;

/// What a run is held back by.
#[derive(Debug)]
pub struct Hold<'a> {
    /// The rules.
    pub restraint: &'a Restraint,
    /// Who may ask to stop.
    pub stop: &'a Stop,
    /// This machine's time.
    pub clock: &'a dyn Clock,
    /// Replicas that are waited for.
    pub replicas: Option<&'a Replicas>,
    begun: (DateTime<Utc>, Duration),
}

impl<'a> Hold<'a> {
    /// From now on, which is `now` by the database's clock: this host's may be wrong.
    #[must_use]
    pub fn new(
        restraint: &'a Restraint,
        stop: &'a Stop,
        clock: &'a dyn Clock,
        now: DateTime<Utc>,
    ) -> Self {
        Self { restraint, stop, clock, replicas: None, begun: (now, clock.monotonic()) }
    }

    /// The same, waiting for replicas.
    #[must_use]
    pub fn waiting_for(self, replicas: Option<&'a Replicas>) -> Self {
        Self { replicas, ..self }
    }

    /// Why nothing may be done now.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let now = after(self.begun.0, self.clock.monotonic().saturating_sub(self.begun.1));
        if let Some(window) = self.restraint.window.filter(|window| !window.contains(now)) {
            return Some(format!("it is {} UTC, outside --window {window}", now.format("%H:%M")));
        }
        // What cannot be looked for may be there.
        let path = self.restraint.stop_file.as_deref();
        let path = path.filter(|path| path.try_exists().unwrap_or(true))?;
        Some(format!("the stop file {} is there", path.display()))
    }

    /// Why a run that ends early does so: as above, or because a replica lags too far behind.
    pub async fn ended_by(&self) -> Option<String> {
        let Some(replicas) = self.replicas.filter(|_| self.reason().is_none()) else {
            return self.reason();
        };
        let most = replicas.most();
        replicas.found().await.map(|behind| format!("{behind}, with --max-lag {most}"))
    }

    /// Whether a run ends here: at its deadline (on the monotonic clock), when somebody asks, or when
    /// nothing may be done now.
    #[must_use]
    pub fn is_enough(&self, deadline: Duration) -> bool {
        self.stop.is_asked() || self.clock.monotonic() >= deadline || self.reason().is_some()
    }

    /// Rests after a batch that took so long, unless the run ends meanwhile.
    pub async fn rest(&self, took: Duration, deadline: Duration) {
        let until = self.clock.monotonic().saturating_add(self.restraint.nice.rest(took));
        let until = until.min(deadline);
        while !self.is_enough(deadline) {
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.stop.within(left.min(LOOK)).await;
        }
    }
}

/// How soon a stop file ends a rest.
const LOOK: Duration = Duration::from_secs(1);
