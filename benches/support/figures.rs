//! Lengths of time as figures: sorted, summed up, put into words. What was measured is the benches'
//! concern; nothing here judges.

use std::time::Duration;

/// What one thing took, again and again.
pub struct Figures(Vec<Duration>);

impl Figures {
    pub fn of(mut lengths: Vec<Duration>) -> Self {
        assert!(!lengths.is_empty(), "nothing was measured");
        lengths.sort_unstable();
        Self(lengths)
    }

    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    /// All of them in milliseconds, on one line.
    pub fn line(&self) -> String {
        let columns = [("min", 0), ("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)];
        let shown = columns
            .map(|(name, percent)| format!("{name} {:7.2}", millis(self.percentile(percent))));
        format!("{} ms", shown.join("  "))
    }
}

pub fn millis(length: Duration) -> f64 {
    length.as_secs_f64() * 1000.0
}

/// How many times longer the first took.
pub fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}
