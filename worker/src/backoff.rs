//! Delays between tries. The only file that names the retry crate: it is no longer maintained
//! (RUSTSEC-2025-0012), so that replacing it touches this room alone.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};

/// Delays that double, each drawn from zero to its bound ("full jitter"), so that workers that
/// failed together do not come back together.
#[derive(Debug)]
pub struct Delays(ExponentialBackoff);

impl Delays {
    /// Up to `first`, then twice that, never above `longest`; without an end.
    #[must_use]
    pub fn doubling(first: Duration, longest: Duration) -> Self {
        // The crate draws from the interval ± itself: half the bound is the interval.
        let mut builder = ExponentialBackoffBuilder::new();
        builder
            .with_initial_interval(first / 2)
            .with_randomization_factor(1.0)
            .with_multiplier(2.0)
            .with_max_interval(longest / 2)
            // The crate's own end, 15 minutes after its making, would surprise.
            .with_max_elapsed_time(None);
        Self(builder.build())
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next_backoff()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_drawn_below_bounds_that_double_up_to_the_longest() {
        for _ in 0..200 {
            let delays = Delays::doubling(Duration::from_secs(1), Duration::from_secs(4));
            let bounds = [1, 2, 4, 4, 4];
            for (delay, bound) in delays.zip(bounds) {
                assert!(delay <= Duration::from_secs(bound) + Duration::from_nanos(1), "{delay:?}");
            }
        }
    }

    #[test]
    fn two_that_failed_together_do_not_come_back_together() {
        let draw = || Delays::doubling(Duration::from_secs(1), Duration::from_secs(4)).next();
        let first = draw();
        assert!((0..20).any(|_| draw() != first));
    }
}
