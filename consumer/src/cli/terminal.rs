//! What the terminal does by itself: its keys send signals to everybody in the foreground.

use std::fs::File;

use rustix::{process::getpgrp, termios::tcgetpgrp};
use tokio::signal::unix::SignalKind;

/// Whether a signal came, most likely, from a key: then the child in the same group has had it, and
/// a second one means "at once" to many programs.
pub(super) fn has_told_the_child(kind: SignalKind) -> bool {
    let is_a_keys = [SignalKind::interrupt(), SignalKind::quit()].contains(&kind);
    is_a_keys && is_in_foreground()
}

fn is_in_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}
