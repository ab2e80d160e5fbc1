//! The worker's configuration: which tokens to keep, and how a run behaves.
//! What both programs share (database, key) lies in `tokenkeeper_shared::settings`.

mod address;
mod cleanup;
mod cloud;
mod table;

pub use self::cleanup::{CleanupJob, Lag};
pub(crate) use self::{
    address::is_loopback,
    cloud::{CUSTOM_HANDLER, LAMBDA},
};

use std::{collections::BTreeMap, num::NonZeroU16, path::PathBuf, time::Duration};

use serde::Deserialize;
use tokenkeeper_shared::{
    lifecycle::RefreshPolicy,
    name::TokenName,
    settings::{ConfigFile, Environment, SecretRef, Settings, SettingsError},
};
use toml::Spanned;

use crate::provider::{Provider, quartile::Quartile};

/// Everything that a worker needs to know beside the store.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The tokens to keep, by name.
    pub tokens: BTreeMap<TokenName, TokenConfig>,
    /// The clean-ups that a daemon begins by itself, by name.
    pub cleanups: BTreeMap<String, CleanupJob>,
    /// How a run behaves.
    pub run: RunSettings,
    /// Where answers are kept until the database has them.
    pub journal: JournalSetting,
    /// The tokens come from the tutorial's variables alone: no file, no key, nothing else.
    pub is_tutorials: bool,
}

/// How one token is kept.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// Its times.
    pub policy: RefreshPolicy,
    /// How long its provider accepts a spent refresh token again; zero where it does not.
    pub replay_window: Duration,
    /// Whom to ask for it, and how.
    pub provider: Provider,
}

/// Where the journal lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum JournalSetting {
    /// Nobody said: in the state directory, if there is one that can be written to.
    #[default]
    Default,
    /// In this folder.
    At(PathBuf),
    /// Nowhere: there is no disk that outlives the process.
    Off,
}

/// How a run behaves: the rest of table `[run]`.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    /// After this no further row is claimed.
    pub deadline: Duration,
    /// How many exchanges at once one provider host sees.
    pub per_host: NonZeroU16,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { deadline: RUN_DEADLINE, per_host: PER_HOST }
    }
}

/// The worker's view of the configuration file; the shared tables were judged before.
#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    run: RunTable,
    #[serde(default)]
    tokens: BTreeMap<Spanned<TokenName>, Spanned<table::TokenTable>>,
    #[serde(default)]
    cleanup: BTreeMap<Spanned<String>, cleanup::CleanupTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunTable {
    #[serde(default, deserialize_with = "table::duration")]
    deadline: Option<Duration>,
    per_host: Option<NonZeroU16>,
    journal: Option<String>,
}

impl JournalSetting {
    fn of(word: &str) -> Self {
        if word == "off" { Self::Off } else { Self::At(word.into()) }
    }
}

impl Config {
    /// Reads the tokens' tables, and the tutorial's variables where no table `quartile` stands. In a cloud no journal
    /// is kept unless somebody named a folder for it, and no tokens in a file.
    ///
    /// # Errors
    /// [`SettingsError`] names the file and line, or the variable.
    pub fn load(settings: &Settings, environment: &Environment) -> Result<Self, SettingsError> {
        let mut config = Self::read(settings, environment)?;
        if cloud::is_there(environment) {
            if config.journal == JournalSetting::Default {
                config.journal = JournalSetting::Off;
            }
            // Who only cleans keeps nothing in this database.
            if !config.tokens.is_empty() {
                cloud::refuse_file(&settings.database_url)?;
            }
        }
        Ok(config)
    }

    fn read(settings: &Settings, environment: &Environment) -> Result<Self, SettingsError> {
        let mut config =
            settings.file.as_ref().map_or_else(|| Ok(Self::default()), Self::of_file)?;
        if let Some(word) = environment.plain("TOKENKEEPER_JOURNAL") {
            config.journal = JournalSetting::of(&word);
        }
        // A table of that name may refer to some of the variables.
        if config.tokens.keys().any(|name| name.as_str() == "quartile") {
            return Ok(config);
        }
        if let Some((name, token)) = tutorials_token(environment)? {
            config.is_tutorials = settings.file.is_none();
            config.tokens.insert(name, token);
        }
        Ok(config)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`SettingsError::File`].
    pub fn of_file(file: &ConfigFile) -> Result<Self, SettingsError> {
        let tables: Tables = file.parse()?;
        let mut config = Self::default();
        let RunTable { deadline, per_host, journal } = tables.run;
        config.journal =
            journal.as_deref().map_or_else(JournalSetting::default, JournalSetting::of);
        config.run.deadline = deadline.unwrap_or(RUN_DEADLINE);
        config.run.per_host = per_host.unwrap_or(PER_HOST);
        for (name, table) in tables.tokens {
            let (line, name) = (name.span().start, name.into_inner());
            let token = table
                .into_inner()
                .into_token()
                .map_err(|message| file.error_at(line, format!("[tokens.{name}]: {message}")))?;
            config.tokens.insert(name, token);
        }
        for (name, table) in tables.cleanup {
            let (line, name) = (name.span().start, name.into_inner());
            let job = table.into_job(&name, line).map_err(|(at, message)| {
                file.error_at(at, format!("[cleanup.{name}]: {message}"))
            })?;
            config.cleanups.insert(name, job);
        }
        Ok(config)
    }
}

/// The token that the tutorial's variables define, when any of the three is set.
fn tutorials_token(
    environment: &Environment,
) -> Result<Option<(TokenName, TokenConfig)>, SettingsError> {
    let is_set = |name: &str| {
        let file = format!("{name}_FILE");
        environment.plain(name).is_some() || environment.plain(&file).is_some()
    };
    let (set, missing): (Vec<&str>, Vec<&str>) =
        TUTORIALS_VARIABLES.iter().partition(|name| is_set(name));
    if set.is_empty() {
        return Ok(None);
    }
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        return Err(SettingsError::Variable(format!(
            "{} is set but {missing} is not: the token \"quartile\" needs all three, set {missing} too",
            set[0],
        )));
    }
    let [key, username, password] = TUTORIALS_VARIABLES.map(|name| SecretRef::Env(name.to_owned()));
    let url = address::quartile_url(environment.plain("QUARTILE_BASE_URL").as_deref(), None);
    let url = url.map_err(|e| SettingsError::Variable(format!("QUARTILE_BASE_URL: {e}")))?;
    let name = "quartile".parse().map_err(|e| SettingsError::Variable(format!("{e}")))?;
    let provider = Provider::Quartile(Quartile::new(url, key, username, password));
    let policy = RefreshPolicy::default();
    Ok(Some((name, TokenConfig { policy, replay_window: Duration::ZERO, provider })))
}

/// The names that the provider's tutorial uses.
const TUTORIALS_VARIABLES: [&str; 3] =
    ["QUARTILE_SUBSCRIPTION_KEY", "QUARTILE_YOUR_USERNAME", "QUARTILE_YOUR_PASSWORD"];

/// A timer's usual interval, so that two runs seldom overlap.
const RUN_DEADLINE: Duration = Duration::from_secs(300);

/// What a provider's rate limits usually bear.
const PER_HOST: NonZeroU16 = NonZeroU16::new(16).unwrap();

#[cfg(test)]
mod tests;
