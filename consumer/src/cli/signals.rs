//! Signals to this process, and on to a child.

use std::{future::poll_fn, task::Poll};

use rustix::process::{Pid, kill_process};
use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::{
    process::Child,
    signal::unix::{Signal, SignalKind, signal},
};

/// Signals that are heard from now on, instead of what they do by default.
pub(super) struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    pub(super) fn hear(kinds: &[SignalKind]) -> Result<Self, Failure> {
        let heard = kinds.iter().map(|kind| Ok((*kind, signal(*kind)?)));
        let heard: std::io::Result<_> = heard.collect();
        heard.map(Self).map_err(|error| {
            Failure::new(Exit::Internal, format!("signals cannot be received: {error}"))
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            let came = self
                .0
                .iter_mut()
                .find_map(|(kind, signal)| signal.poll_recv(context).is_ready().then_some(*kind));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Sends a signal to a child that has not been waited for: nobody else can have its number.
pub(super) fn pass_on(kind: SignalKind, child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let signal = rustix::process::Signal::from_named_raw(kind.as_raw_value());
    if let (Some(id), Some(signal)) = (id, signal) {
        // It has ended meanwhile: then it needs no signal.
        let _ = kill_process(id, signal);
    }
}

/// What a program is asked to end by.
pub(super) fn endings() -> [SignalKind; 3] {
    [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()]
}
