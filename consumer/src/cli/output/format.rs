//! The formats by name: which there are, and what each needs to be asked. How they write lies with
//! each.

use std::io::Read;

use tokenkeeper_shared::exit::{Exit, Failure};

use super::{
    Shown, docker_credential, dotenv, env, exec_credential, fish, git_credential, header, json,
    powershell, raw,
    template::{self, Template},
};

/// How a token is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Format {
    Raw,
    Json,
    Header,
    Env,
    Dotenv,
    Fish,
    Powershell,
    ExecCredential,
    GitCredential,
    DockerCredential,
    Template(Template),
}

/// What the program that called us wants.
#[derive(Debug)]
pub(in crate::cli) enum Asked {
    Token(Caller),
    Text(String),
    Nothing,
}

/// What the program that called us said, and what an answer to it needs.
#[derive(Debug, Default)]
pub(in crate::cli) struct Caller {
    pub(super) username: Option<String>,
    pub(super) server: String,
    pub(super) api_version: String,
}

impl Caller {
    /// The name of the user where the caller gave none.
    pub(in crate::cli) fn with_username(mut self, username: String) -> Self {
        self.username.get_or_insert(username);
        self
    }

    pub(super) fn username(&self) -> &str {
        self.username.as_deref().unwrap_or_default()
    }
}

impl Format {
    /// # Errors
    /// A text for the command line's own message: which formats there are, or what is wrong with
    /// the template.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        if let Some(template) = text.strip_prefix("template=") {
            return Template::parse(template).map(Self::Template);
        }
        let found = NAMED.iter().find(|(name, _, _)| *name == text);
        found.map(|(_, format, _)| format.clone()).ok_or_else(|| {
            let names: Vec<_> = NAMED.iter().map(|(name, _, _)| *name).collect();
            format!("no such format: use {}, or template=TEXT", names.join(", "))
        })
    }

    /// What is wanted, by the operation that git and docker add and what they write to stdin.
    ///
    /// # Errors
    /// A wrong way to call.
    pub(in crate::cli) fn asked(
        &self,
        operation: Option<&str>,
        stdin: impl Read,
    ) -> Result<Asked, Failure> {
        match (self, operation) {
            (Self::GitCredential, operation) => git_credential::asked(operation, stdin),
            (Self::DockerCredential, operation) => docker_credential::asked(operation, stdin),
            (Self::ExecCredential, None) => exec_credential::asked(),
            (_, None) => Ok(Asked::Token(Caller::default())),
            (_, Some(operation)) => {
                let shown: String = operation.escape_debug().take(40).collect();
                let message = format!(
                    "unexpected \"{shown}\": only the formats git-credential and docker-credential take an operation"
                );
                Err(Failure::new(Exit::Usage, message))
            }
        }
    }

    /// The text without its last line end.
    ///
    /// # Errors
    /// A token that this format cannot carry.
    pub(in crate::cli) fn render(&self, shown: &Shown, caller: &Caller) -> Result<String, Failure> {
        if *self != Self::Json {
            shown.check_plain()?;
        }
        Ok(match self {
            Self::Raw => raw::render(shown),
            Self::Json => json::render(shown),
            Self::Header => header::render(shown),
            Self::Env => env::render(shown),
            Self::Dotenv => dotenv::render(shown)?,
            Self::Fish => fish::render(shown),
            Self::Powershell => powershell::render(shown),
            Self::ExecCredential => exec_credential::render(shown, &caller.api_version),
            Self::GitCredential => git_credential::render(shown, caller.username())?,
            Self::DockerCredential => docker_credential::render(shown, caller),
            Self::Template(template) => template.render(shown),
        })
    }
}

/// What `--help` says of the formats.
pub(in crate::cli) fn help() -> String {
    let line = |(name, _, purpose): &(&str, Format, &str)| format!("\n  {name:<18} {purpose}");
    let lines: String = NAMED.iter().map(line).collect();
    let places = template::places();
    format!("How to print it:{lines}\n  {:<18} a text with {places}", "template=TEXT")
}

/// git and docker add what they want when they call.
pub(super) fn no_operation(program: &str) -> Failure {
    let message = format!(
        "{program} calls this and adds get, store or erase: see `tokenkeeper-consumer get --help`"
    );
    Failure::new(Exit::Usage, message)
}

/// Each format by its name, and what it is for.
pub(in crate::cli) const NAMED: [(&str, Format, &str); 10] = [
    ("raw", Format::Raw, "the token alone"),
    ("json", Format::Json, "an object with the token, its type, scope, times and generation"),
    ("header", Format::Header, "an HTTP header, for `curl -H @-`"),
    ("env", Format::Env, "variables for sh, bash and zsh: eval \"$(…)\""),
    ("dotenv", Format::Dotenv, "the same for a file that docker, compose or systemd read"),
    ("fish", Format::Fish, "the same for fish: … | source"),
    (
        "powershell",
        Format::Powershell,
        "the same for PowerShell: … | Out-String | Invoke-Expression",
    ),
    ("exec-credential", Format::ExecCredential, "for users.exec of a kubeconfig"),
    ("git-credential", Format::GitCredential, "for credential.helper of git"),
    ("docker-credential", Format::DockerCredential, "for credHelpers of docker"),
];
