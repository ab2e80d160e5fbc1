//! `completions SHELL`, and the answers to the shell that has taken the script in: words of the
//! command line, and the tokens' names from the database.

use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use clap_complete::{
    CompletionCandidate,
    engine::ArgValueCandidates,
    env::{CompleteEnv, Shells},
};
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::{Environment, Settings},
    token::Token,
};
use tokio::time::timeout;

use super::output;
use crate::Consumer;

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Answers a shell that asks by the script's variable, and then ends the process.
pub(super) fn answer(command: impl Fn() -> Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

pub(super) fn completions(arguments: &CompletionsArguments, json: bool) -> Result<(), Failure> {
    let shell = match arguments.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    };
    let mut script = Vec::new();
    let written = Shells::builtins().completer(shell).map(|completer| {
        completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
    });
    if !matches!(written, Some(Ok(()))) {
        return Err(Failure::new(Exit::Internal, format!("no completions for {shell}")));
    }
    let script = String::from_utf8_lossy(&script);
    let script = script.trim_end();
    output::line(&if json {
        json!({ "shell": shell, "script": script }).to_string()
    } else {
        script.to_owned()
    })
}

/// Names from the database, as far as it answers soon; a shell is not the place for errors.
pub(super) fn names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listed =
            runtime.map(|runtime| runtime.block_on(async { timeout(PATIENCE, listed()).await }));
        let tokens = listed.ok().and_then(Result::ok).flatten().unwrap_or_default();
        let candidate = |token: Token| {
            CompletionCandidate::new(token.name.as_str()).help(Some(token.provider.into()))
        };
        tokens.into_iter().map(candidate).collect()
    })
}

pub(super) fn formats() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let named = output::NAMED.iter();
        let named = named
            .map(|(name, _, purpose)| CompletionCandidate::new(name).help(Some((*purpose).into())));
        named.chain([CompletionCandidate::new("template=")]).collect()
    })
}

async fn listed() -> Option<Vec<Token>> {
    let settings = Settings::load(&Environment::of_process(), None).ok()?;
    Consumer::from_settings(settings).ok()?.list(None, MOST).await.ok()
}

pub(super) const HELP: &str = "\
Take it in when the shell starts:
  ~/.bashrc                   source <(tokenkeeper-consumer completions bash)
  ~/.zshrc, after compinit    source <(tokenkeeper-consumer completions zsh)
  ~/.config/fish/config.fish  tokenkeeper-consumer completions fish | source
  $PROFILE of PowerShell      tokenkeeper-consumer completions powershell | Out-String | Invoke-Expression";

const PROGRAM: &str = "tokenkeeper-consumer";
/// By it the script asks: one of our own, so that no other program's scripts are meant.
const VARIABLE: &str = "TOKENKEEPER_COMPLETE";
/// Somebody has pressed a key and waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than anybody reads on a screen.
const MOST: u16 = 1000;
