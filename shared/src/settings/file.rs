//! Files: where they lie by default, how secrets are read from them, and where in a configuration
//! file an error stands.

use std::{
    fmt, fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use super::{Environment, SettingsError};
use crate::secret::Secret;

/// Where files lie when nobody says otherwise.
#[derive(Debug, Clone)]
pub struct Paths {
    config: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Paths {
    /// The XDG directories; under systemd the unit's state directory.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let path = |name: &str| environment.plain(name).map(PathBuf::from);
        let xdg = |name: &str, below_home: &str| {
            path(name)
                .or_else(|| Some(path("HOME")?.join(below_home)))
                .map(|p| p.join("tokenkeeper"))
        };
        // systemd separates several directories by colons; the first is ours.
        let unit = || {
            let listed = environment.plain("STATE_DIRECTORY")?;
            listed.split(':').next().map(PathBuf::from)
        };
        let state = unit().or_else(|| xdg("XDG_STATE_HOME", ".local/state"));
        // A unit with a state directory and no home keeps its key there.
        let config = xdg("XDG_CONFIG_HOME", ".config").or_else(unit);
        Self { config, state }
    }

    /// The SQLite file that is used when no database is named.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn default_database(&self) -> Result<PathBuf, SettingsError> {
        let state = self.state.as_ref().ok_or(SettingsError::NoHome("STATE_HOME", "database"))?;
        Ok(state.join("tokenkeeper.db"))
    }

    /// The folder of the worker's journal when nobody names one.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn default_journal(&self) -> Result<PathBuf, SettingsError> {
        let state = self.state.as_ref().ok_or(SettingsError::NoHome("STATE_HOME", "journal"))?;
        Ok(state.join("journal"))
    }

    /// The key file that is used when no key is given.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn default_key(&self) -> Result<PathBuf, SettingsError> {
        let config = self.config.as_ref().ok_or(SettingsError::NoHome("CONFIG_HOME", "key"))?;
        Ok(config.join("key"))
    }

    /// The configuration file of this user.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn default_config(&self) -> Result<PathBuf, SettingsError> {
        let config = self.config.as_ref().ok_or(SettingsError::NoHome("CONFIG_HOME", "file"))?;
        Ok(config.join(FILE_NAME))
    }
}

/// A configuration file and its text.
#[derive(Clone)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// The file that a flag or variable names, or the first of the usual places.
    ///
    /// # Errors
    /// [`SettingsError::Unreadable`] when it was named and cannot be read, or is there and cannot.
    pub fn find(
        flag: Option<PathBuf>,
        environment: &Environment,
        paths: &Paths,
    ) -> Result<Option<Self>, SettingsError> {
        if let Some(path) = flag.or_else(|| environment.plain("TOKENKEEPER_CONFIG").map(Into::into))
        {
            return Self::read(&path)?.map(Some).ok_or_else(|| {
                unreadable(&path, "there is no such file: make one with `tokenkeeper-worker init`")
            });
        }
        let usual = [Some(FILE_NAME.into()), paths.default_config().ok(), Some(SYSTEM_FILE.into())];
        for path in usual.into_iter().flatten() {
            if let Some(found) = Self::read(&path)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn read(path: &Path) -> Result<Option<Self>, SettingsError> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
                Ok(Some(Self { path: path.to_owned(), text }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, &format!("it cannot be read: {error}"))),
        }
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the text as `T`.
    ///
    /// # Errors
    /// [`SettingsError::File`] with the line. toml's own message would show the line's text, which
    /// may be a secret somebody wrote there; only what is wrong and where is told.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        toml::from_str(&self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.error_at(start, without_values(error.message()))
        })
    }

    /// An error at a byte of the text.
    #[must_use]
    pub fn error_at(&self, offset: usize, message: impl Into<String>) -> SettingsError {
        let before = self.text.bytes().take(offset);
        SettingsError::File {
            path: self.path.display().to_string(),
            line: before.filter(|&byte| byte == b'\n').count() + 1,
            message: message.into(),
        }
    }
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConfigFile({})", self.path.display())
    }
}

/// serde repeats a wrong value in its message: `invalid type: string "…", expected …`.
fn without_values(message: &str) -> String {
    let repeats = REPEATING_VALUES.iter().any(|words| message.starts_with(words));
    match (repeats, message.rfind(", expected ")) {
        (true, Some(at)) => format!("this value is of the wrong kind{}", &message[at..]),
        _ => message.replace('\n', "; "),
    }
}

/// Reads a secret: one trailing line end and a byte order mark are not part of it.
///
/// # Errors
/// [`SettingsError::Unreadable`], also for an empty file.
pub fn read_secret(path: &Path) -> Result<Secret, SettingsError> {
    let text = fs::read_to_string(path)
        .map_err(|error| unreadable(path, &format!("it cannot be read: {error}")))?;
    trimmed(&Secret::new(text))
        .ok_or_else(|| unreadable(path, "it is empty: put the secret into it"))
}

/// Reads a key file, which nobody but its owner and group may read.
///
/// # Errors
/// [`SettingsError::Unreadable`].
pub fn read_key(path: &Path) -> Result<Secret, SettingsError> {
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o007 != 0
    {
        let advice = format!("everybody can read this key: run `chmod 600 {}`", path.display());
        return Err(unreadable(path, &advice));
    }
    read_secret(path)
}

pub(super) fn trimmed(text: &Secret) -> Option<Secret> {
    let text = text.expose();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    (!text.is_empty()).then(|| Secret::new(text))
}

fn unreadable(path: &Path, message: &str) -> SettingsError {
    SettingsError::Unreadable { path: path.display().to_string(), message: message.to_owned() }
}

/// How serde's messages begin that go on with a value.
const REPEATING_VALUES: [&str; 3] = ["invalid type: ", "invalid value: ", "unknown variant "];

const FILE_NAME: &str = "tokenkeeper.toml";
const SYSTEM_FILE: &str = "/etc/tokenkeeper/tokenkeeper.toml";
