//! The variables of a process, taken once: secrets among them do not print, and each may be given
//! as a file.

use std::{collections::BTreeMap, fmt, path::Path};

use super::{SettingsError, file};
use crate::secret::Secret;

/// The variables that a program was started with.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. A variable that is no UTF-8 does not count.
    #[must_use]
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os();
        Self(
            pairs
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// Those given, for tests.
    #[must_use]
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// A variable that is no secret; an empty one counts as not set.
    #[must_use]
    pub fn plain(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A secret from `NAME`, or from the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// [`SettingsError`] when both are set, or the file cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, SettingsError> {
        self.given(name, file::read_secret)
    }

    /// The same for a key, whose file nobody else may read.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn key(&self, name: &str) -> Result<Option<Secret>, SettingsError> {
        self.given(name, file::read_key)
    }

    fn given(
        &self,
        name: &str,
        read: fn(&Path) -> Result<Secret, SettingsError>,
    ) -> Result<Option<Secret>, SettingsError> {
        let file = format!("{name}_FILE");
        match (self.plain(name), self.plain(&file)) {
            (Some(_), Some(_)) => {
                Err(SettingsError::Variable(format!("both {name} and {file} are set: unset one")))
            }
            (Some(value), None) => Ok(Some(Secret::new(value))),
            (None, Some(path)) => read(Path::new(&path)).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The names alone.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
