//! What this process has answered, counted for `/metrics`. What the database knows is read there.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Answers by outcome, and how long they took.
#[derive(Debug, Default)]
pub(super) struct Counters {
    outcomes: [AtomicU64; OUTCOMES.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Counters {
    /// A request for a token was answered with this outcome: `ok`, or an error's code.
    pub(super) fn answered(&self, outcome: &str, took: Duration) {
        let known = OUTCOMES.iter().position(|known| *known == outcome);
        self.outcomes[known.unwrap_or(OTHER)].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS.iter().position(|(bound, _)| micros <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// In the text format of Prometheus.
    pub(super) fn write(&self, text: &mut String) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let requests = "tokenkeeper_get_requests_total";
        let _ = writeln!(text, "# HELP {requests} Requests for a token, by outcome.");
        let _ = writeln!(text, "# TYPE {requests} counter");
        for (outcome, counter) in OUTCOMES.iter().zip(&self.outcomes) {
            let _ = writeln!(text, "{requests}{{outcome=\"{outcome}\"}} {}", load(counter));
        }
        let duration = "tokenkeeper_get_duration_seconds";
        let _ = writeln!(text, "# HELP {duration} How long requests for a token took.");
        let _ = writeln!(text, "# TYPE {duration} histogram");
        let mut below = 0;
        for ((_, bound), bucket) in BUCKETS.iter().zip(&self.buckets) {
            below += load(bucket);
            let _ = writeln!(text, "{duration}_bucket{{le=\"{bound}\"}} {below}");
        }
        let count = load(&self.count);
        let _ = writeln!(text, "{duration}_bucket{{le=\"+Inf\"}} {count}");
        let seconds = Duration::from_micros(load(&self.micros)).as_secs_f64();
        let _ = writeln!(text, "{duration}_sum {seconds}\n{duration}_count {count}");
    }
}

const OUTCOMES: [&str; 15] = [
    "ok",
    "no_such_name",
    "needs_login",
    "disabled",
    "no_valid_token",
    "temporary",
    "internal",
    "bad_request",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "server_error",
    "temporarily_unavailable",
    "unsupported_grant_type",
    "other",
];
const OTHER: usize = OUTCOMES.len() - 1;

/// From memory to the longest wait: microseconds, and the same in seconds as Prometheus writes it.
const BUCKETS: [(u64, &str); 10] = [
    (100, "0.0001"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (5_000, "0.005"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_outcome_and_duration() {
        let counters = Counters::default();
        counters.answered("ok", Duration::from_micros(50));
        counters.answered("ok", Duration::from_millis(2));
        counters.answered("never heard of", Duration::from_secs(60));
        let mut text = String::new();
        counters.write(&mut text);
        for line in [
            "tokenkeeper_get_requests_total{outcome=\"ok\"} 2",
            "tokenkeeper_get_requests_total{outcome=\"other\"} 1",
            "tokenkeeper_get_duration_seconds_bucket{le=\"0.0001\"} 1",
            "tokenkeeper_get_duration_seconds_bucket{le=\"0.005\"} 2",
            "tokenkeeper_get_duration_seconds_bucket{le=\"30\"} 2",
            "tokenkeeper_get_duration_seconds_bucket{le=\"+Inf\"} 3",
            "tokenkeeper_get_duration_seconds_sum 60.00205",
            "tokenkeeper_get_duration_seconds_count 3",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
    }
}
