//! `exec NAME… -- COMMAND`: a command with tokens in its environment and in files that are kept fresh
//! while it runs. What the variables are called lies with `exec/plan`, where the files lie with
//! `exec/folder`.

mod folder;
mod plan;

use std::{
    ffi::OsString,
    io::{self, ErrorKind},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

use clap::Args;
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
};
use tokio::{
    process::{Child, Command},
    signal::unix::SignalKind,
    task::JoinSet,
};

use self::{
    folder::Folder,
    plan::{Assignment, Plan},
};
use super::{
    completions, failure,
    follow::Follower,
    output,
    replaced::replace,
    request::RequestArguments,
    signals::{Signals, pass_on},
    terminal,
};
use crate::{AccessToken, Consumer};

#[derive(Debug, Args)]
pub(super) struct ExecArguments {
    /// The tokens; the variables of `my.api` are `MY_API_TOKEN` and `MY_API_TOKEN_FILE`
    #[arg(value_name = "NAME", add = completions::names(), required_unless_present = "variables")]
    names: Vec<TokenName>,
    #[command(flatten)]
    request: RequestArguments,
    /// Call the variables of a token `VAR` and `VAR_FILE`; may be given more than once
    #[arg(long = "env", value_name = "VAR=NAME", value_parser = Assignment::parse)]
    variables: Vec<Assignment>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A token with the variable and the file that it goes into.
struct Given {
    variable: String,
    file: PathBuf,
    token: AccessToken,
}

/// Ends with the command's own exit code.
pub(super) async fn exec(
    open: impl FnOnce() -> Result<Consumer, Failure>,
    arguments: ExecArguments,
    json: bool,
) -> Result<ExitCode, Failure> {
    let ExecArguments { names, request, variables, command } = arguments;
    let plan = Plan::of(&names, &variables)?;
    let (consumer, request) = (open()?, request.request());
    let mut tokens = Vec::new();
    for (variable, name) in plan.0 {
        let token = consumer.get(&name, request).await.map_err(|error| failure::of(&error))?;
        if let Some(warning) = token.warning_text() {
            output::note(&format!("warning: {warning}"));
        }
        tokens.push((variable, token));
    }
    // From here on a signal must not end this program before its files are gone.
    let signals = Signals::hear(&passed_on())?;
    let folder = Folder::make()?;
    let put = |(variable, token): (String, AccessToken)| {
        let file = folder.path().join(&variable);
        write(&file, &token).map_err(|error| unwritten(&file, &error))?;
        Ok(Given { variable, file, token })
    };
    let given: Result<Vec<_>, Failure> = tokens.into_iter().map(put).collect();
    let given = given?;
    let child = match start(&command, &given) {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&command[0], &error, json)),
    };
    let mut followers = JoinSet::new();
    for Given { file, token, .. } in given {
        let name = token.row().name.clone();
        let follower = Follower::new(consumer.clone(), name, request).after(&token);
        followers.spawn(keep_fresh(follower, file));
    }
    let ended = accompany(child, signals).await;
    ended
        .map(code)
        .map_err(|error| Failure::new(Exit::Internal, format!("waiting for the command: {error}")))
}

fn start(command: &[OsString], given: &[Given]) -> io::Result<Child> {
    let mut started = Command::new(&command[0]);
    started.args(&command[1..]);
    for Given { variable, file, token } in given {
        started.env(variable, token.expose()).env(format!("{variable}_FILE"), file);
    }
    started.spawn()
}

/// Waits for the command and passes signals on to it.
async fn accompany(mut child: Child, mut signals: Signals) -> io::Result<ExitStatus> {
    loop {
        let kind = tokio::select! {
            ended = child.wait() => return ended,
            kind = signals.next() => kind,
        };
        if !terminal::has_told_the_child(kind) {
            pass_on(kind, &child);
        }
    }
}

/// Until the command ends. What cannot be mended is told, and the command goes on with what it has.
async fn keep_fresh(mut follower: Follower, file: PathBuf) {
    loop {
        match follower.next().await {
            Ok(token) => {
                if let Err(error) = write(&file, &token) {
                    output::note(&format!("warning: {}", unwritten(&file, &error)));
                }
            }
            Err(failure) => {
                return output::note(&format!("warning: not kept fresh any more: {failure}"));
            }
        }
    }
}

/// The token alone: many programs take a line end for a part of it.
fn write(file: &Path, token: &AccessToken) -> io::Result<()> {
    replace(file, token.expose(), 0o600)
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("{} cannot be written: {error}", file.display()))
}

fn code(status: ExitStatus) -> ExitCode {
    let signal = || status.signal().map_or(i32::from(u8::MAX), |signal| 128 + signal);
    let code = status.code().unwrap_or_else(signal);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// POSIX, 2.8.2: 127 when it is not found, 126 when it is and cannot be run.
fn not_started(command: &OsString, error: &io::Error, json: bool) -> ExitCode {
    let (code, kind) = match error.kind() {
        ErrorKind::NotFound => (127, "not_found"),
        _ => (126, "not_executable"),
    };
    let message = format!("{} cannot be started: {error}", command.display());
    let object = json!({ "error": { "code": code, "kind": kind, "message": message } });
    output::note(&if json { object.to_string() } else { format!("error: {message}") });
    ExitCode::from(code)
}

fn passed_on() -> [SignalKind; 6] {
    [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ]
}
