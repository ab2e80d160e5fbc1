//! Tells systemd, or whoever set `NOTIFY_SOCKET`, how the daemon is. Without the variable nothing is told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tracing::warn;

use super::pulse::Pulse;

/// The way to systemd. The watchdog is fed until this value goes.
#[derive(Debug)]
pub struct Systemd {
    status: Mutex<String>,
    watchdog: Option<JoinHandle<()>>,
}

impl Systemd {
    /// Feeds the watchdog, where there is one, at half of its time: but only while the loop keeps its word.
    #[must_use]
    pub fn new(pulse: Arc<Pulse>) -> Self {
        let watchdog =
            sd_notify::watchdog_enabled().map(|time| tokio::spawn(feed(time / 2, pulse)));
        Self { status: Mutex::default(), watchdog }
    }

    /// The daemon is ready, or has read its configuration.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// It reads its configuration.
    pub fn reloading(&self) {
        // systemd wants to know since when; without that clock there is nothing to reload by.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, now]);
        }
    }

    /// It stops.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// It is not ready, for reasons that may pass, and needs so much more time.
    pub fn starting(&self, more: Duration) {
        tell(&[NotifyState::ExtendTimeoutUsec(
            u32::try_from(more.as_micros()).unwrap_or(u32::MAX),
        )]);
    }

    /// What it does, for people; the same once.
    pub fn status(&self, text: &str) {
        let mut told = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != text {
            text.clone_into(&mut told);
            tell(&[NotifyState::Status(text)]);
        }
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
    }
}

async fn feed(every: Duration, pulse: Arc<Pulse>) {
    loop {
        if pulse.beats(now()) {
            tell(&[NotifyState::Watchdog]);
        }
        sleep(every).await;
    }
}

/// The time that waiting is measured by.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("systemd cannot be told: {error}");
    }
}
