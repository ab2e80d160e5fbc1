//! How far a run has come, for whoever watches it on a terminal.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::{sync::watch, task::JoinHandle};

/// A bar that is drawn while the run tells how many rows it has deleted.
pub(super) struct Bar(JoinHandle<()>);

impl Bar {
    /// A bar from `done` rows up to `all` of them. Nothing is drawn where standard error is no terminal, to
    /// which the library sees, nor beside JSON.
    pub(super) fn begin(
        policy: &str,
        done: u64,
        all: u64,
        json: bool,
    ) -> (Self, watch::Sender<u64>) {
        let (told, mut heard) = watch::channel(done);
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(all) };
        let bar = bar.with_style(style()).with_prefix(policy.to_owned()).with_position(done);
        // What another runner did is no part of this one's rate.
        bar.reset_eta();
        let drawn = tokio::spawn(async move {
            while heard.changed().await.is_ok() {
                bar.set_position(*heard.borrow_and_update());
            }
            // The report follows, and says it exactly.
            bar.finish_and_clear();
        });
        (Self(drawn), told)
    }

    /// Takes the bar away, once nobody can tell anything any more.
    pub(super) async fn end(self, told: watch::Sender<u64>) {
        drop(told);
        // A bar that cannot be drawn is no reason to fail.
        let _ = self.0.await;
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(TEMPLATE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, line: &mut dyn Write| {
        // A line that cannot be written is one that nobody sees.
        let _ = write!(line, "{:.0} rows/s", state.per_sec());
    })
}

const TEMPLATE: &str =
    "{prefix} [{bar:30}] {percent}%, {human_pos} of {human_len} rows, {rate}, {eta} left";
