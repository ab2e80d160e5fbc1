//! Signals: the first lets a run finish what it has claimed, the second ends it.

use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::output;
use crate::stop::Stop;

/// SIGTERM, SIGINT and SIGHUP ask to stop; the second of them ends the process at once.
pub(super) fn stop() -> Result<Stop, Failure> {
    let heard = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(Exit::Internal, format!("signals cannot be received: {error}"))
        })
    };
    let signals = [
        heard(SignalKind::terminate())?,
        heard(SignalKind::interrupt())?,
        heard(SignalKind::hangup())?,
    ];
    let (sender, stop) = Stop::by_hand();
    tokio::spawn(listen(signals, sender));
    Ok(stop)
}

async fn listen(
    [mut terminate, mut interrupt, mut hangup]: [Signal; 3],
    stop: watch::Sender<bool>,
) {
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
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
