//! A run that waits between two batches while a replica lags too far behind.

use std::time::Duration;

use tokenkeeper_shared::store::StoreError;

use super::{Drive, Step};
use crate::cleanup::{database::Session, ledger::Run};

impl Drive<'_> {
    /// Waits until no replica lags too far behind, or the run ends meanwhile.
    pub(super) async fn catch_up(
        &self,
        run: &mut Run,
        deadline: Duration,
        session: &mut Session,
    ) -> Result<Step, StoreError> {
        let (hold, clock) = (self.hold, self.hold.clock);
        let Some(replicas) = hold.replicas else { return Ok(Step::Next) };
        let mut now = clock.monotonic();
        let mut saved = now;
        while let Some(behind) = replicas.behind(clock).await? {
            let waited = clock.monotonic().saturating_sub(behind.since);
            self.far.send_modify(|far| far.waiting = Some((behind.to_string(), waited)));
            if hold.is_enough(deadline) || waited >= LONGEST {
                return Ok(Step::Enough);
            }
            let left = deadline.saturating_sub(clock.monotonic());
            hold.stop.within(left.min(replicas.interval())).await;
            let before = std::mem::replace(&mut now, clock.monotonic());
            run.progress.waited(&behind.replica, now.saturating_sub(before));
            if now.saturating_sub(saved) >= RENEWAL {
                saved = now;
                if !run.save(session).await? {
                    return Ok(Step::Fenced);
                }
            }
        }
        self.far.send_if_modified(|far| far.waiting.take().is_some());
        Ok(Step::Next)
    }

    /// Before the rest after a batch that took so long.
    pub(super) async fn mark(&self, took: Duration) -> Result<(), StoreError> {
        let rest = self.hold.restraint.nice.rest(took);
        match self.hold.replicas {
            Some(replicas) => replicas.mark(self.hold.clock, rest).await,
            None => Ok(()),
        }
    }
}

/// A run that waits keeps later ones from beginning: when this is over it ends, and says so. Counted over all of
/// a call's policies.
const LONGEST: Duration = Duration::from_hours(1);
/// How often a waiting run renews its lease. Rather often: a standby of PostgreSQL says how far it has replayed
/// when something new arrives, and else every ten seconds.
const RENEWAL: Duration = Duration::from_secs(2);
