//! Workers' attempts as counters that only grow, though the database forgets old ones: what is a day
//! old is settled and kept here, what is younger is counted anew for each scrape.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::{
    clock,
    name::TokenName,
    store::{Store, StoreError, Tally},
};

/// Attempts by name and outcome: how many, and how long they took.
pub type Counts = BTreeMap<(TokenName, String), (u64, Duration)>;

/// What was tried since the server was first asked.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Option<Settled>>);

#[derive(Debug)]
struct Settled {
    until: DateTime<Utc>,
    counts: Counts,
}

impl Attempts {
    /// All that was tried since then, at the database's time `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count(&self, store: &Store, now: DateTime<Utc>) -> Result<Counts, StoreError> {
        let mut settled = self.0.lock().await;
        let settled = settled.get_or_insert_with(|| Settled { until: now, counts: Counts::new() });
        let old = clock::before(now, UNSETTLED);
        if clock::until(settled.until, old) > STEP {
            add(&mut settled.counts, store.tally(settled.until, old).await?);
            settled.until = old;
        }
        let mut counts = settled.counts.clone();
        add(&mut counts, store.tally(settled.until, clock::latest()).await?);
        Ok(counts)
    }
}

fn add(counts: &mut Counts, tallies: Vec<Tally>) {
    for Tally { name, outcome, attempts, duration } in tallies {
        let count = counts.entry((name, outcome)).or_default();
        count.0 += attempts;
        count.1 += duration;
    }
}

/// An event is written some minutes after its attempt began, at the latest.
const UNSETTLED: Duration = Duration::from_secs(24 * 3600);
const STEP: Duration = Duration::from_secs(3600);
