//! Asks systemd's manager, by its own program.

use std::{collections::BTreeMap, io::ErrorKind, process::Output};

use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::process::Command;

use crate::schedule::hosts::systemd::Manager;

/// What a unit is like.
pub(super) type Properties = BTreeMap<String, String>;

/// Does what these arguments say.
pub(super) async fn run(manager: Manager, arguments: &[&str]) -> Result<(), Failure> {
    output(manager, arguments).await.map(drop)
}

/// What a unit is like, as far as the manager knows it.
pub(super) async fn show(manager: Manager, unit: &str) -> Result<Properties, Failure> {
    let properties = format!("--property={PROPERTIES}");
    let output = output(manager, &["show", &properties, unit]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn output(manager: Manager, arguments: &[&str]) -> Result<Output, Failure> {
    let mut command = Command::new("systemctl");
    // Lines are read, and the texts of failures repeated.
    command.env("LC_ALL", "C").args(["--no-pager", "--no-ask-password"]);
    if manager == Manager::User {
        command.arg("--user");
    }
    let output = command.args(arguments).output().await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let advice = "there is no systemctl: this host has no systemd; see `schedule cron`, or write the units alone by --unit-dir";
            Failure::new(Exit::Usage, advice)
        }
        _ => Failure::new(Exit::Temporary, format!("systemctl cannot be started: {error}")),
    })?;
    if output.status.success() { Ok(output) } else { Err(failed(arguments, &output)) }
}

fn failed(arguments: &[&str], output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it did not say why").trim_end_matches('.').to_owned();
    let done = arguments.join(" ");
    if ["not been booted", "connect to bus", "connect to user", "No medium"]
        .iter()
        .any(|words| said.contains(words))
    {
        let advice = "no manager of systemd runs here (a container, or no session of this user: `loginctl enable-linger`); \
                      --unit-dir writes the units alone";
        return Failure::new(Exit::Temporary, format!("systemctl {done}: {said}: {advice}"));
    }
    let advice = if said.to_lowercase().contains("denied") || said.contains("authentication") {
        ": call it as root, or give --user"
    } else {
        ""
    };
    Failure::new(Exit::Usage, format!("systemctl {done}: {said}{advice}"))
}

const PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,LastTriggerUSec,NextElapseUSecRealtime,\
     NextElapseUSecMonotonic,Result,ExecMainStatus,ExecMainExitTimestamp,NeedDaemonReload";
