//! References to secrets: a configuration file names where a secret lies and never holds one.

use std::{
    fmt,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{Environment, SettingsError, file};
use crate::secret::Secret;

/// Where a secret lies. It is read when it is needed, so that a rotated one is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `{ env = "NAME" }`: the variable, or the file that `NAME_FILE` names.
    Env(String),
    /// `{ file = "PATH" }`
    File(PathBuf),
    /// `{ command = ["PROGRAM", "ARGUMENT"] }`: its standard output.
    Command(Vec<String>),
    /// `{ credential = "NAME" }`: a file in systemd's `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl SecretRef {
    /// Reads the secret that `owner` (a setting's name, for messages) refers to.
    ///
    /// # Errors
    /// [`SettingsError`] names the owner and the place, never what was found there.
    pub fn resolve(&self, environment: &Environment, owner: &str) -> Result<Secret, SettingsError> {
        self.read(environment, file::read_secret).map_err(|error| told(owner, &error))
    }

    /// The same for a key, whose file nobody else may read.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn resolve_key(
        &self,
        environment: &Environment,
        owner: &str,
    ) -> Result<Secret, SettingsError> {
        self.read(environment, file::read_key).map_err(|error| told(owner, &error))
    }

    fn read(
        &self,
        environment: &Environment,
        read_file: fn(&std::path::Path) -> Result<Secret, SettingsError>,
    ) -> Result<Secret, SettingsError> {
        match self {
            Self::Env(name) => environment.secret(name)?.ok_or_else(|| {
                let advice = format!("neither {name} nor {name}_FILE is set: set one");
                SettingsError::Variable(advice)
            }),
            Self::File(path) => read_file(path),
            Self::Command(words) => output_of(words),
            Self::Credential(name) => {
                let folder = environment.plain("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    let hint = "CREDENTIALS_DIRECTORY is not set: give the unit a LoadCredential=";
                    SettingsError::Variable(hint.to_owned())
                })?;
                // systemd mounts credentials for the unit alone; their mode is its business.
                file::read_secret(&PathBuf::from(folder).join(name))
            }
        }
    }
}

fn told(owner: &str, error: &SettingsError) -> SettingsError {
    SettingsError::Reference { owner: owner.to_owned(), message: error.to_string() }
}

/// Runs a program for its standard output, with a bound: a pass must end.
fn output_of(words: &[String]) -> Result<Secret, SettingsError> {
    let program = words.first().map_or("", String::as_str);
    let failed = |what: &str| SettingsError::Variable(format!("the command {program} {what}"));
    let mut command = Command::new(program);
    // A secret manager's own variables it may need; ours are no business of its.
    for name in OUR_SECRETS {
        command.env_remove(name);
    }
    let mut child = command
        .args(words.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let (sender, receiver) = mpsc::channel();
    let mut pipe = child.stdout.take();
    thread::spawn(move || {
        let mut text = String::new();
        let read = pipe.as_mut().map(|pipe| pipe.read_to_string(&mut text));
        sender.send(matches!(read, Some(Ok(_))).then(|| Secret::new(text)))
    });
    let text = receiver.recv_timeout(COMMAND_DEADLINE);
    if text.is_err() {
        // It may have ended meanwhile; then there is nothing to kill.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(&error.to_string()))?;
    match text {
        Ok(Some(text)) if status.success() => {
            file::trimmed(&text).ok_or_else(|| failed("printed nothing"))
        }
        Ok(Some(_)) => Err(failed(&format!("failed ({status})"))),
        Ok(None) => Err(failed("printed something that is no UTF-8 text")),
        Err(_) => Err(failed("took longer than 10 s")),
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = SecretRef;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    /// serde's own message would repeat the text, which is somebody's password.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(format!("a secret is not written here in clear: write {EXPECTED}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let wrong = || de::Error::custom(format!("write {EXPECTED}, one of them"));
        let reference = match map.next_key::<String>()?.as_deref() {
            Some("env") => SecretRef::Env(map.next_value()?),
            Some("file") => SecretRef::File(map.next_value()?),
            Some("credential") => SecretRef::Credential(map.next_value()?),
            Some("command") => SecretRef::Command(map.next_value()?),
            _ => return Err(wrong()),
        };
        if map.next_key::<String>()?.is_some() { Err(wrong()) } else { Ok(reference) }
    }
}

/// A setting that is a secret only sometimes: a text without a password, or a reference.
#[derive(Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a text, or a reference such as { env = \"NAME\" } or { file = \"PATH\" }"
)]
pub enum TextOrRef {
    /// Written in the file.
    Text(String),
    /// To be found elsewhere.
    Ref(SecretRef),
}

/// A text may be a header with a secret in it, whatever the documents say.
impl fmt::Debug for TextOrRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("Text([redacted])"),
            Self::Ref(reference) => reference.fmt(formatter),
        }
    }
}

impl TextOrRef {
    /// The text, from wherever it lies.
    ///
    /// # Errors
    /// [`SettingsError`] names the owner and the place.
    pub fn resolve(&self, environment: &Environment, owner: &str) -> Result<Secret, SettingsError> {
        match self {
            Self::Text(text) => Ok(Secret::new(text.as_str())),
            Self::Ref(reference) => reference.resolve(environment, owner),
        }
    }
}

/// What an error tells to write.
pub(super) const EXPECTED: &str = "a reference: { env = \"NAME\" }, { file = \"PATH\" }, \
     { command = [\"PROGRAM\"] } or { credential = \"NAME\" }";

const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// The variables that hold secrets under names of our own.
const OUR_SECRETS: [&str; 9] = [
    "TOKENKEEPER_KEY",
    "TOKENKEEPER_RUN_KEY",
    "TOKENKEEPER_DATABASE_URL",
    "TOKENKEEPER_CLEANUP_DATABASE_URL",
    "TOKENKEEPER_CLEANUP_REPLICA_URLS",
    "DATABASE_URL",
    "QUARTILE_SUBSCRIPTION_KEY",
    "QUARTILE_YOUR_USERNAME",
    "QUARTILE_YOUR_PASSWORD",
];
