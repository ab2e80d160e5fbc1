//! `watch NAME`: each new generation of a token, as lines on stdout or in a file. The asking lies with
//! `follow`, the command that is run on a change with `watch/change`.

mod change;

use std::path::PathBuf;

use clap::Args;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
};

use self::change::Change;
use super::{
    completions,
    follow::Follower,
    output::{self, Asked, Caller, Format, Shown},
    replaced::replace,
    request::{FormatArgument, RequestArguments},
    signals::{Signals, endings},
};
use crate::{AccessToken, Consumer};

#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// The token
    #[arg(add = completions::names())]
    name: TokenName,
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    format: FormatArgument,
    /// Keep it in this file instead of printing it; the file is replaced, never half written
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Who may read and write the file
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = mode, requires = "file")]
    mode: u32,
    /// Run this line of shell after each change, a minute at most; it finds `TOKENKEEPER_NAME`,
    /// `TOKENKEEPER_GENERATION` and `TOKENKEEPER_FILE` in its environment
    #[arg(long, value_name = "COMMAND")]
    exec_on_change: Option<String>,
}

/// Ends well when it is asked to end, and with the failure when waiting does not help.
pub(super) async fn watch(
    open: impl FnOnce() -> Result<Consumer, Failure>,
    arguments: WatchArguments,
    json: bool,
) -> Result<(), Failure> {
    let format = arguments.format.clone().or_json(json);
    if matches!(format, Format::GitCredential | Format::DockerCredential) {
        let message =
            "the formats git-credential and docker-credential answer a caller: use them with get";
        return Err(Failure::new(Exit::Usage, message));
    }
    let Asked::Token(caller) = format.asked(None, std::io::empty())? else { return Ok(()) };
    let mut signals = Signals::hear(&endings())?;
    let request = arguments.request.request();
    let mut follower = Follower::new(open()?, arguments.name.clone(), request);
    loop {
        let token = tokio::select! {
            token = follower.next() => token?,
            _ = signals.next() => return Ok(()),
        };
        if let Some(warning) = token.warning_text() {
            output::note(&format!("warning: {warning}"));
        }
        if !arguments.put(&token, &format, &caller)? {
            return Ok(());
        }
        if let Some(command) = &arguments.exec_on_change {
            let change = Change { command, token: &token, file: arguments.file.as_deref() };
            if change.run(&mut signals).await {
                return Ok(());
            }
        }
    }
}

impl WatchArguments {
    /// `false` when nobody reads any more.
    fn put(&self, token: &AccessToken, format: &Format, caller: &Caller) -> Result<bool, Failure> {
        let text = format.render(&Shown::of(token), caller)?;
        let Some(file) = &self.file else { return output::is_read(&text) };
        // Many programs take a line end for a part of the token.
        let text = if *format == Format::Raw { text } else { text + "\n" };
        let written = replace(file, &text, self.mode).map(|()| true);
        written.map_err(|error| {
            let message = format!("{} cannot be written: {error}", file.display());
            Failure::new(Exit::Usage, message)
        })
    }
}

/// Octal, as for chmod.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    let mode = mode.filter(|mode| mode & 0o400 != 0 && mode & 0o002 == 0);
    mode.ok_or_else(|| {
        "write it in octal, as 0640: readable to its owner, not writable to all".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn a_mode_is_octal_and_sane() {
        for (text, expected) in [("0600", 0o600), ("640", 0o640), ("0444", 0o444)] {
            assert_eq!(mode(text), Ok(expected));
        }
        for bad in ["", "rw", "0800", "0666", "4755", "0000", "0200", "-600", "99999999999"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
