//! How much a batch takes: the product's own statements wait for it, so it is a question of time.

use std::time::Duration;

/// The size of the next batch, in the units of the walk over a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    size: u64,
    least: u64,
    most: u64,
}

impl Pace {
    /// The first size, and its bounds.
    #[must_use]
    pub fn new(first: u64, least: u64, most: u64) -> Self {
        Self { size: first, least, most }
    }

    /// How much the next batch looks at; at least 1.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// After a batch that took so long: a fifth more below half of [`TARGET`]; above its three quarters so
    /// much less that the next one should take half of it.
    pub fn took(&mut self, took: Duration) {
        if self.size < self.least {
            // What stood in the way was cut out; now back quickly.
            self.size = self.size.saturating_mul(8).min(self.least);
        } else if took < TARGET / 2 {
            self.size = self.size.saturating_add((self.size / 5).max(1)).min(self.most);
        } else if took > TARGET * 3 / 4 {
            let half = u64::try_from(TARGET.as_micros() / 2).unwrap_or(u64::MAX);
            let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let fitting = self.size.saturating_mul(half) / took.max(1);
            self.size = fitting.max(self.size / 4).max(self.least);
        }
    }

    /// After a batch that somebody stood in the way of: half, below the bound too, until what stands in
    /// the way is alone.
    pub fn failed(&mut self) {
        self.size = (self.size / 2).max(1);
    }
}

/// How long a batch may hold its locks: most take between a half and three quarters of it.
pub const TARGET: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_while_it_is_short_and_shrinks_when_it_is_long_within_bounds() {
        let mut pace = Pace::new(500, 50, 20_000);
        pace.took(TARGET / 4);
        assert_eq!(pace.size(), 600);
        pace.took(TARGET * 2 / 3);
        assert_eq!(pace.size(), 600);
        pace.took(TARGET);
        assert_eq!(pace.size(), 300);
        pace.took(TARGET * 3 / 2);
        assert_eq!(pace.size(), 100);
        (0..100).for_each(|_| pace.took(Duration::ZERO));
        assert_eq!(pace.size(), 20_000);
        (0..100).for_each(|_| pace.took(TARGET * 9));
        assert_eq!(pace.size(), 50);
    }

    #[test]
    fn what_stands_in_the_way_is_cut_out_row_by_row_and_the_pace_comes_back() {
        let mut pace = Pace::new(500, 50, 20_000);
        (0..20).for_each(|_| pace.failed());
        assert_eq!(pace.size(), 1);
        (0..3).for_each(|_| pace.took(Duration::ZERO));
        assert_eq!(pace.size(), 60);
    }
}
