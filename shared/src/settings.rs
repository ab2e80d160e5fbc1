//! What both programs are configured by: variables, the configuration file, the database's address
//! and the key. The tokens' own tables are read by the worker.

pub mod environment;
pub mod file;
pub mod reference;

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

pub use self::{
    environment::Environment,
    file::{ConfigFile, Paths},
    reference::{SecretRef, TextOrRef},
};
use crate::{
    database_url::{DatabaseUrl, InvalidDatabaseUrl},
    exit::{Exit, Failure},
    seal::key::{KeyError, Keyring},
    secret::Secret,
};

/// The settings that worker and consumer share, resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration file, where there is one.
    pub file: Option<ConfigFile>,
    /// Where tokens are kept.
    pub database_url: DatabaseUrl,
    /// Whether anybody named a database, or the default is in use.
    pub database_is_default: bool,
    /// What is known of the key.
    pub key: KeySetting,
    /// Where files lie by default.
    pub paths: Paths,
}

/// How secrets are to be sealed, as far as the configuration says.
#[derive(Debug, Clone)]
pub enum KeySetting {
    /// `seal = "off"`: stored in clear, an explicit choice.
    Off,
    /// A key is at hand.
    Given(Keyring),
    /// Nothing was said and the default file does not exist.
    Missing {
        /// Where the default file would lie, if this user has a home.
        default_file: Option<PathBuf>,
    },
}

/// What of the configuration file is the business of both programs. The other tables are the
/// worker's to judge, and unknown ones are refused here already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedTables {
    database_url: Option<Spanned<TextOrRef>>,
    key: Option<SecretRef>,
    seal: Option<SealWord>,
    #[serde(default, rename = "run")]
    _run: serde::de::IgnoredAny,
    #[serde(default, rename = "tokens")]
    _tokens: serde::de::IgnoredAny,
    #[serde(default, rename = "cleanup")]
    _cleanup: serde::de::IgnoredAny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SealWord {
    On,
    Off,
}

impl Settings {
    /// Reads the settings: flag, then variables, then the first configuration file there is.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable, or the file and line.
    pub fn load(
        environment: &Environment,
        config_flag: Option<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let paths = Paths::of(environment);
        let file = ConfigFile::find(config_flag, environment, &paths)?;
        let tables = file.as_ref().map(ConfigFile::parse::<SharedTables>).transpose()?;
        let in_file = file.as_ref().zip(tables.as_ref().and_then(|t| t.database_url.as_ref()));
        let named = database_url(environment, in_file)?;
        let (database_is_default, database_url) = match named {
            Some(url) => (false, url),
            None => (true, DatabaseUrl::of_file(&paths.default_database()?)),
        };
        let key = key_setting(environment, tables.as_ref(), &paths)?;
        Ok(Self { file, database_url, database_is_default, key, paths })
    }
}

fn database_url(
    environment: &Environment,
    in_file: Option<(&ConfigFile, &Spanned<TextOrRef>)>,
) -> Result<Option<DatabaseUrl>, SettingsError> {
    for name in ["TOKENKEEPER_DATABASE_URL", "DATABASE_URL"] {
        if let Some(url) = environment.secret(name)? {
            let origin = name.to_owned();
            let parsed = url.expose().parse();
            return parsed
                .map(Some)
                .map_err(|source| SettingsError::DatabaseUrl { origin, source });
        }
    }
    let Some((file, configured)) = in_file else {
        return Ok(None);
    };
    let at_line = |message: String| {
        file.error_at(configured.span().start, format!("database_url: {message}"))
    };
    if let TextOrRef::Text(text) = configured.get_ref()
        && holds_password(text)
    {
        let advice = format!("the address holds a password: write {} instead", reference::EXPECTED);
        return Err(at_line(advice));
    }
    let url = configured.get_ref().resolve(environment, "database_url")?;
    url.expose().parse().map(Some).map_err(|error: InvalidDatabaseUrl| at_line(error.to_string()))
}

/// Whether an address that stands where others can read it holds a password. What is no address is refused anyway.
#[must_use]
pub fn holds_password(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
}

fn key_setting(
    environment: &Environment,
    tables: Option<&SharedTables>,
    paths: &Paths,
) -> Result<KeySetting, SettingsError> {
    let configured = tables.and_then(|tables| tables.key.as_ref());
    let given = match (environment.key("TOKENKEEPER_KEY")?, configured) {
        (Some(given), _) => Some(given),
        (None, Some(reference)) => {
            Some(("key".to_owned(), reference.resolve_key(environment, "key")?))
        }
        (None, None) => None,
    };
    let off = match environment.plain("TOKENKEEPER_SEAL").as_deref() {
        None => tables.and_then(|tables| tables.seal) == Some(SealWord::Off),
        Some("off") => true,
        Some("on") => false,
        Some(_) => {
            return Err(SettingsError::Variable("TOKENKEEPER_SEAL takes on or off".into()));
        }
    };
    let default_file = paths.default_key().ok();
    match given {
        Some(_) if off => Err(SettingsError::KeyAndOff),
        _ if off => Ok(KeySetting::Off),
        Some((origin, text)) => keyring(origin, &text),
        None => match default_file.filter(|file| file.exists()) {
            Some(file) => keyring(file.display().to_string(), &file::read_key(&file)?),
            None => Ok(KeySetting::Missing { default_file: paths.default_key().ok() }),
        },
    }
}

fn keyring(origin: String, text: &Secret) -> Result<KeySetting, SettingsError> {
    let ring = Keyring::parse(text).map_err(|source| SettingsError::Key { origin, source })?;
    Ok(KeySetting::Given(ring))
}

/// A configuration that cannot be used. No text here repeats a value that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A place in the configuration file.
    #[error("{path}, line {line}: {message}")]
    File {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what to write.
        message: String,
    },
    /// A file that cannot be read or should not be.
    #[error("{path}: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why, and what to do.
        message: String,
    },
    /// A variable.
    #[error("{0}")]
    Variable(String),
    /// A reference to a secret that leads nowhere.
    #[error("{owner}: {message}")]
    Reference {
        /// Which setting refers to it.
        owner: String,
        /// Why it cannot be had.
        message: String,
    },
    /// The database's address.
    #[error("{origin}: {source}")]
    DatabaseUrl {
        /// Where the address was given.
        origin: String,
        /// What is wrong with it.
        source: InvalidDatabaseUrl,
    },
    /// The key's text.
    #[error("{origin}: {source}")]
    Key {
        /// Where the key was given.
        origin: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Two opposite wishes.
    #[error("a key is given and sealing is off: take one of the two away")]
    KeyAndOff,
    /// No place for files.
    #[error("neither XDG_{0} nor HOME is set: set one, or name the {1} explicitly")]
    NoHome(&'static str, &'static str),
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

#[cfg(test)]
mod tests;
