//! `GET /metrics` for Prometheus: what the database knows of the tokens that the key may see, so that
//! it is right when workers are timers, and what this process has answered.

use std::{fmt::Write, sync::Arc, time::Duration};

use axum::{
    extract::{Extension, State},
    http::{HeaderValue, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    store::{CleanupTotal, StoreError},
    token::Token,
};

use crate::{
    Error, TokenName,
    serve::{access::Caller, site::Site},
};

pub(super) async fn get(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let mut families = Families::default();
    let read = read(&site, &caller, &mut families).await;
    let up = u8::from(read.is_ok());
    if let Err(error) = &read {
        // Half a list would look as if tokens had gone.
        families = Families::default();
        site.problem(error);
    }
    let mut text = families.text();
    let name = "tokenkeeper_database_up";
    let _ = writeln!(text, "# HELP {name} Whether the database could be asked just now.");
    let _ = writeln!(text, "# TYPE {name} gauge\n{name} {up}");
    site.counters.write(&mut text);
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

async fn read(site: &Site, caller: &Caller, families: &mut Families) -> Result<(), Error> {
    let Some(key) = &caller.key else { return Ok(()) };
    let mut after = None;
    loop {
        let page = site.consumer.list(after.as_ref(), PAGE).await?;
        page.iter().filter(|row| key.tokens.includes(&row.name)).for_each(|row| families.add(row));
        match page.last() {
            Some(last) if page.len() == usize::from(PAGE) => after = Some(last.name.clone()),
            _ => break,
        }
    }
    let now = site.consumer.now().await?;
    let store = &site.consumer.0.store;
    for ((name, outcome), (attempts, duration)) in site.attempts.count(store, now).await? {
        if key.tokens.includes(&name) {
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
    Ok(())
}

/// One text for each metric: its lines must stand together.
#[derive(Default)]
struct Families {
    tokens: [String; FAMILIES.len()],
    attempts: String,
    all: (u64, Duration),
    last_run: Option<DateTime<Utc>>,
    cleanups: Vec<CleanupTotal>,
}

impl Families {
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
        let renews = row.refresh_at < tokenkeeper_shared::clock::latest();
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
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
