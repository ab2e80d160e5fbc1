//! The server's own words, on stderr: no request, name or key is logged, only what the operator can
//! do something about.

use std::{
    collections::HashMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Says the same thing only now and then, however many requests meet it.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<HashMap<String, Instant>>);

impl Log {
    pub(super) fn note(&self, text: &str) {
        let now = Instant::now();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.saturating_duration_since(*at) < PAUSE);
        if said.len() < MOST && said.insert(text.to_owned(), now).is_none() {
            // Nobody listens: then nobody misses it.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }
}

const PAUSE: Duration = Duration::from_secs(60);
/// Different texts within one pause.
const MOST: usize = 100;
