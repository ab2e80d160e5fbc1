//! The variables of a process, taken once: secrets among them do not print, and each may be given
//! as a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use super::{SettingsError, file};
use crate::secret::Secret;

/// The variables that a program was started with.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// Names of those whose value is no text.
    unreadable: BTreeSet<String>,
}

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.values.insert(name, value)),
                Err(_) => drop(environment.unreadable.insert(name)),
            }
        }
        environment
    }

    /// Those given, for tests.
    #[must_use]
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { values, unreadable: BTreeSet::new() }
    }

    /// A variable that is no secret; an empty one counts as not set.
    #[must_use]
    pub fn plain(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A secret from `NAME`, or from the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// [`SettingsError`] when both are set, or the file cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, SettingsError> {
        Ok(self.given(name, file::read_secret)?.map(|(_, secret)| secret))
    }

    /// The same for a key, whose file nobody else may read; and where it was found.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn key(&self, name: &str) -> Result<Option<(String, Secret)>, SettingsError> {
        self.given(name, file::read_key)
    }

    fn given(
        &self,
        name: &str,
        read: fn(&Path) -> Result<Secret, SettingsError>,
    ) -> Result<Option<(String, Secret)>, SettingsError> {
        let file = format!("{name}_FILE");
        let wrong = |advice: String| Err(SettingsError::Variable(advice));
        if let Some(name) = [name, file.as_str()].iter().find(|n| self.unreadable.contains(**n)) {
            return wrong(format!("{name} is no UTF-8 text: set it anew, or unset it"));
        }
        match (self.plain(name), self.plain(&file)) {
            (Some(_), Some(_)) => wrong(format!("both {name} and {file} are set: unset one")),
            (Some(value), None) => Ok(Some((name.to_owned(), Secret::new(value)))),
            (None, Some(path)) => read(Path::new(&path)).map(|secret| Some((path, secret))),
            (None, None) => Ok(None),
        }
    }
}

/// The names alone.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}
