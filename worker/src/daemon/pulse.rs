//! Whether a loop turns: before each step it says how long that may take. Who looks is `systemd`.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A loop's word on when it turns next. Time here stands still while the machine sleeps, as systemd's does.
#[derive(Debug)]
pub struct Pulse(Mutex<Instant>);

impl Pulse {
    /// A loop that turns within this time.
    #[must_use]
    pub fn new(now: Instant, within: Duration) -> Self {
        Self(Mutex::new(now + within))
    }

    /// The loop turns, and turns again within this time.
    pub fn promise(&self, now: Instant, within: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now + within;
    }

    /// Whether it keeps its word.
    #[must_use]
    pub fn beats(&self, now: Instant) -> bool {
        now <= *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_that_was_announced_is_alive_and_one_that_hangs_is_not() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let pulse = Pulse::new(now, minute);
        assert!(pulse.beats(now + minute));
        assert!(!pulse.beats(now + minute + Duration::from_millis(1)));
        pulse.promise(now + minute, 10 * minute);
        assert!(pulse.beats(now + 11 * minute));
        assert!(!pulse.beats(now + 12 * minute));
    }
}
