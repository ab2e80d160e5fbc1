//! The command that is run when a token has changed. It gets no token but the one in the file.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    signal::unix::SignalKind,
    time::timeout,
};

use crate::{
    AccessToken,
    cli::{
        output,
        signals::{Signals, pass_on},
    },
};

pub(super) struct Change<'a> {
    pub(super) command: &'a str,
    pub(super) token: &'a AccessToken,
    pub(super) file: Option<&'a Path>,
}

impl Change<'_> {
    /// `true` when somebody asked to end meanwhile: the command was asked, too. How it fails is told,
    /// and ends nothing.
    pub(super) async fn run(&self, signals: &mut Signals) -> bool {
        let mut child = match self.start() {
            Ok(child) => child,
            Err(error) => {
                self.complain(&format!("cannot be started: {error}"));
                return false;
            }
        };
        tokio::select! {
            ended = timeout(LIMIT, child.wait()) => {
                match ended {
                    Ok(Ok(status)) if status.success() => {}
                    Ok(Ok(status)) => self.complain(&format!("ended with {status}")),
                    Ok(Err(error)) => self.complain(&error.to_string()),
                    Err(_) => {
                        self.complain("was still running after a minute, and is ended");
                        end(&mut child).await;
                    }
                }
                false
            }
            _ = signals.next() => {
                end(&mut child).await;
                true
            }
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new("sh");
        command
            .args(["-c", self.command])
            .env("TOKENKEEPER_NAME", self.token.row().name.as_str())
            .env("TOKENKEEPER_GENERATION", self.token.generation().to_string())
            .stdin(Stdio::null())
            // What is on stdout are tokens.
            .stdout(std::io::stderr());
        if let Some(file) = self.file {
            command.env("TOKENKEEPER_FILE", file);
        }
        command.spawn()
    }

    fn complain(&self, what: &str) {
        let name = &self.token.row().name;
        output::note(&format!("warning: {name}: the command of --exec-on-change {what}"));
    }
}

/// It gets a little time to end by itself.
async fn end(child: &mut Child) {
    pass_on(SignalKind::terminate(), child);
    if timeout(GRACE, child.wait()).await.is_err() {
        // It has ended meanwhile, or it ends now.
        let _ = child.kill().await;
    }
}

/// A reload takes seconds; while it lasts the next generation waits.
const LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(5);
