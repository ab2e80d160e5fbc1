//! How far a run has come, for whoever watches it on a terminal; and what it waits for, for everybody.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::{sync::watch, task::JoinHandle};

use super::waiting::Waiting;
use crate::{cleanup::progress::Far, cli::output};

/// A bar that is drawn while the run tells how many rows it has deleted.
pub(super) struct Bar(JoinHandle<()>);

impl Bar {
    /// A bar that begins once it is known how many rows may go. Nothing is drawn where standard error is no
    /// terminal, to which the library sees, nor beside JSON.
    pub(super) fn begin(policy: &str, json: bool) -> (Self, watch::Sender<Far>) {
        let (told, mut heard) = watch::channel(Far::default());
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let bar = bar.with_style(style()).with_prefix(policy.to_owned());
        let policy = policy.to_owned();
        let drawn = tokio::spawn(async move {
            let mut told = Waiting::default();
            while heard.changed().await.is_ok() {
                let Far { deleted, all, waiting } = heard.borrow_and_update().clone();
                let is_begun = bar.length() != Some(0);
                bar.set_length(all);
                bar.set_position(deleted);
                if !is_begun {
                    // What another runner did is no part of this one's rate.
                    bar.reset_eta();
                }
                if let Some(line) = told.line(waiting.as_ref()) {
                    bar.suspend(|| output::note(&format!("{policy}: {line}")));
                }
                bar.set_message(waiting.map(|(why, _)| format!(": {why}")).unwrap_or_default());
            }
            // The report follows, and says it exactly.
            bar.finish_and_clear();
        });
        (Self(drawn), told)
    }

    /// Takes the bar away, once nobody can tell anything any more.
    pub(super) async fn end(self, told: watch::Sender<Far>) {
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
    "{prefix} [{bar:30}] {percent}%, {human_pos} of {human_len} rows, {rate}, {eta} left{msg}";
