//! Metrics in the text format of Prometheus: what the database knows of tokens, attempts and clean-ups, so that it is
//! right when workers are timers. What a process has answered lies with its server.

pub mod attempts;

use std::{fmt::Write, time::Duration};

use chrono::{DateTime, Utc};

use self::attempts::Attempts;
use crate::{
    clock,
    name::TokenName,
    store::{CleanupTotal, Store, StoreError},
    token::Token,
};

/// All that is known; nothing but that the database is away when it could not be read: half a list would look as if
/// tokens had gone.
#[must_use]
pub fn text(read: Option<&Families>) -> String {
    let mut text = read.map_or_else(|| Families::default().text(), Families::text);
    let (name, up) = ("tokenkeeper_database_up", u8::from(read.is_some()));
    let _ = writeln!(text, "# HELP {name} Whether the database could be asked just now.");
    let _ = writeln!(text, "# TYPE {name} gauge\n{name} {up}");
    text
}

/// One text for each metric: its lines must stand together.
#[derive(Debug, Default)]
pub struct Families {
    tokens: [String; FAMILIES.len()],
    attempts: String,
    all: (u64, Duration),
    last_run: Option<DateTime<Utc>>,
    cleanups: Vec<CleanupTotal>,
}

impl Families {
    /// What the database knows of the tokens that `includes` takes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(
        store: &Store,
        attempts: &Attempts,
        includes: impl Fn(&TokenName) -> bool,
    ) -> Result<Self, StoreError> {
        let mut families = Self::default();
        let mut after = None;
        loop {
            let page = store.page(after.as_ref(), PAGE).await?;
            page.iter().filter(|row| includes(&row.name)).for_each(|row| families.add(row));
            match page.last() {
                Some(last) if page.len() == usize::from(PAGE) => after = Some(last.name.clone()),
                _ => break,
            }
        }
        let now = store.time().await?.now();
        for ((name, outcome), (attempts, duration)) in attempts.count(store, now).await? {
            if includes(&name) {
                families.tried(&name, &outcome, attempts, duration);
            }
        }
        families.last_run = match store.last_run().await {
            // The rights of earlier versions do not name that table.
            Err(StoreError::Refused(_)) => None,
            other => other?,
        };
        families.cleanups = match store.cleanup_totals().await {
            Err(StoreError::Refused(_)) => Vec::new(),
            other => other?,
        };
        Ok(families)
    }

    fn add(&mut self, row: &Token) {
        // A name's alphabet needs no escape here.
        let name = row.name.as_str();
        let [expiration, renewal, success, state, failures, generation] = &mut self.tokens;
        let instant = |text: &mut String, family: usize, at: Option<DateTime<Utc>>| {
            if let Some(at) = at {
                let metric = FAMILIES[family].0;
                let _ = writeln!(text, "{metric}{{name=\"{name}\"}} {}", seconds(at));
            }
        };
        instant(expiration, 0, row.access_token_expires);
        // What waits for a human is due in the year 9999: that is no renewal.
        let renews = row.refresh_at < clock::latest();
        instant(renewal, 1, renews.then_some(row.refresh_at));
        instant(success, 2, row.last_success_at);
        let state_metric = FAMILIES[3].0;
        let word = row.state;
        let _ = writeln!(state, "{state_metric}{{name=\"{name}\",state=\"{word}\"}} 1");
        let number = |text: &mut String, family: usize, value: i64| {
            let _ = writeln!(text, "{}{{name=\"{name}\"}} {value}", FAMILIES[family].0);
        };
        number(failures, 4, row.failures);
        number(generation, 5, row.generation);
    }

    fn tried(&mut self, name: &TokenName, outcome: &str, attempts: u64, duration: Duration) {
        let outcome = plain(outcome);
        let labels = format!("name=\"{name}\",outcome=\"{outcome}\"");
        let _ = writeln!(self.attempts, "{ATTEMPTS}{{{labels}}} {attempts}");
        self.all = (self.all.0 + attempts, self.all.1 + duration);
    }

    fn text(&self) -> String {
        let size = self.tokens.iter().map(String::len).sum::<usize>() + self.attempts.len();
        let mut text = String::with_capacity(size + MORE);
        for ((metric, help), lines) in FAMILIES.iter().zip(&self.tokens) {
            let _ = write!(text, "# HELP {metric} {help}\n# TYPE {metric} gauge\n{lines}");
        }
        let _ =
            writeln!(text, "# HELP {ATTEMPTS} What workers have tried since this server began.");
        let _ = write!(text, "# TYPE {ATTEMPTS} counter\n{}", self.attempts);
        let (count, duration) = self.all;
        let sum = duration.as_secs_f64();
        let _ = writeln!(text, "# HELP {DURATION} How long these took, from claim to end.");
        let _ = writeln!(text, "# TYPE {DURATION} summary");
        let _ = writeln!(text, "{DURATION}_sum {sum}\n{DURATION}_count {count}");
        if let Some(at) = self.last_run {
            let _ = writeln!(text, "# HELP {LAST_RUN} When a worker's run ended last.");
            let _ = writeln!(text, "# TYPE {LAST_RUN} gauge\n{LAST_RUN} {}", seconds(at));
        }
        if !self.cleanups.is_empty() {
            self.cleaned(&mut text);
        }
        text
    }

    fn cleaned(&self, text: &mut String) {
        let [deleted, ended, status] = &CLEANUPS;
        let mut family = |(metric, kind, help): &(&str, &str, &str),
                          of: &dyn Fn(&CleanupTotal) -> String| {
            let _ = writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} {kind}");
            for each in &self.cleanups {
                let policy = plain(&each.policy);
                let _ = writeln!(text, "{metric}{{policy=\"{policy}\"{}", of(each));
            }
        };
        family(deleted, &|of| format!("}} {}", of.deleted));
        family(ended, &|of| format!("}} {}", seconds(of.last_ended_at)));
        family(status, &|of| format!(",status=\"{}\"}} 1", plain(&of.last_status)));
    }
}

/// The words of a worker, of this version or another: none has a sign that needs an escape.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).collect()
}

/// Unix time with milliseconds, as stored.
fn seconds(at: DateTime<Utc>) -> String {
    let millis = at.timestamp_millis();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

const FAMILIES: [(&str, &str); 6] = [
    ("tokenkeeper_token_expiration_timestamp_seconds", "When the access token dies."),
    ("tokenkeeper_token_renewal_timestamp_seconds", "When a worker takes the token up next."),
    ("tokenkeeper_token_last_success_timestamp_seconds", "When the last answer was stored."),
    ("tokenkeeper_token_state", "1 for the state that the token is in."),
    ("tokenkeeper_token_consecutive_failures", "Failures since the last stored answer."),
    ("tokenkeeper_token_generation", "How many answers were stored."),
];

const ATTEMPTS: &str = "tokenkeeper_refresh_attempts_total";
const DURATION: &str = "tokenkeeper_refresh_duration_seconds";
const LAST_RUN: &str = "tokenkeeper_last_run_timestamp_seconds";

const CLEANUPS: [(&str, &str, &str); 3] = [
    ("tokenkeeper_cleanup_deleted_rows_total", "counter", "Rows that clean-ups have deleted."),
    ("tokenkeeper_cleanup_last_run_timestamp_seconds", "gauge", "When a clean-up ended last."),
    ("tokenkeeper_cleanup_last_run_status", "gauge", "1 for how the last clean-up ended."),
];

const PAGE: u16 = 500;
/// What follows on the tokens, in bytes.
const MORE: usize = 4096;

/// What the text is sent as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
