//! Signals: the first lets a run finish what it has claimed, the second ends it.

use std::sync::Arc;

use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::output;
use crate::stop::Stop;

/// SIGTERM, SIGINT and SIGHUP ask to stop; the second of them ends the process at once.
pub(super) fn stop() -> Result<Stop, Failure> {
    let signals = vec![
        heard(SignalKind::terminate())?,
        heard(SignalKind::interrupt())?,
        heard(SignalKind::hangup())?,
    ];
    let (sender, stop) = Stop::by_hand();
    listen(signals, sender);
    Ok(stop)
}

/// The same for one that stays: SIGHUP asks it to read its configuration anew.
pub(super) fn stop_or_reload() -> Result<(Stop, watch::Receiver<u64>), Failure> {
    let signals = vec![heard(SignalKind::terminate())?, heard(SignalKind::interrupt())?];
    let (sender, stop) = Stop::by_hand();
    let (ask, asked) = watch::channel(0);
    let mut hangup = heard(SignalKind::hangup())?;
    listen(signals, sender);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            ask.send_modify(|times| *times += 1);
        }
    });
    Ok((stop, asked))
}

fn heard(kind: SignalKind) -> Result<Signal, Failure> {
    let deaf = |error| Failure::new(Exit::Internal, format!("signals cannot be received: {error}"));
    signal(kind).map_err(deaf)
}

fn listen(signals: Vec<Signal>, stop: watch::Sender<bool>) {
    let stop = Arc::new(stop);
    for signal in signals {
        tokio::spawn(obey(signal, stop.clone()));
    }
}

async fn obey(mut signal: Signal, stop: Arc<watch::Sender<bool>>) {
    while signal.recv().await.is_some() {
        if stop.send_replace(true) {
            output::note("stopped at once: what was claimed lapses within a minute");
            end();
        }
        output::note("stopping: what is claimed is finished first; once more to stop at once");
    }
}

#[expect(clippy::exit, reason = "somebody wants the process gone, whatever it is at")]
fn end() -> ! {
    std::process::exit(i32::from(Exit::Temporary.code()))
}
