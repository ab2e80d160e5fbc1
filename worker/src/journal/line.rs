//! How an answer becomes a line of the journal and is read again. No line holds a secret in clear: where
//! the store does not seal the values in an answer, the line is sealed as a whole, with a key that
//! lies in the journal's folder.

use std::{io, path::Path};

use tokenkeeper_shared::{
    seal::{Seal, SealError, key::Keyring},
    secret::Secret,
    settings::file::read_key,
    store::{Prepared, Store},
};

use crate::private_file;

/// How the secrets in an answer lie there when it comes to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Each is sealed as in the database.
    Sealed,
    /// In clear, as the database has them.
    Clear,
}

impl Values {
    /// What answers for this store are like.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        if store.is_sealed() { Self::Sealed } else { Self::Clear }
    }
}

/// Makes lines of answers.
#[derive(Debug, Clone)]
pub(super) struct Lines(Option<Seal>);

impl Lines {
    /// For answers of this kind in `folder`, which gets a key where it needs one and has none.
    pub(super) fn of(folder: &Path, values: Values) -> io::Result<Self> {
        if values == Values::Sealed {
            return Ok(Self(None));
        }
        let path = folder.join(KEY);
        if !path.exists() {
            // Of several first starts one makes it; all read what then lies there.
            private_file::write(&path, &Keyring::new_worker_key())?;
        }
        let ring = key(folder).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        Ok(Self(Some(Seal::With(ring))))
    }

    pub(super) fn write(&self, answer: &Prepared) -> io::Result<String> {
        let line = answer.to_line()?;
        match &self.0 {
            None => Ok(line),
            Some(seal) => seal.seal_line(&Secret::new(line)).map_err(io::Error::other),
        }
    }
}

/// Reads lines of a folder's files.
#[derive(Debug)]
pub(super) struct Reader(Result<Keyring, String>);

/// What is on a line.
#[derive(Debug)]
pub(super) enum Line {
    Answer(Box<Prepared>),
    /// No whole answer: torn by a crash, before anybody was told that it was written.
    Torn,
    /// An answer, perhaps, sealed with a key that is not here; the text says so.
    Locked(String),
}

impl Reader {
    pub(super) fn of(folder: &Path) -> Self {
        Self(key(folder))
    }

    pub(super) fn read(&self, line: &str) -> Line {
        let opened = match &self.0 {
            Ok(ring) => Seal::With(ring.clone()).open_line(line),
            Err(_) => Seal::Off.open_line(line),
        };
        let answer = match (opened, &self.0) {
            (Err(SealError::Sealed(_)), Err(why)) => return Line::Locked(why.clone()),
            (Err(error @ SealError::UnknownKey(_)), _) => return Line::Locked(error.to_string()),
            (Err(SealError::InClear), _) => Prepared::from_line(line),
            (Ok(text), _) => Prepared::from_line(text.expose()),
            (Err(_), _) => None,
        };
        answer.map_or(Line::Torn, |answer| Line::Answer(Box::new(answer)))
    }
}

fn key(folder: &Path) -> Result<Keyring, String> {
    let path = folder.join(KEY);
    if !path.exists() {
        return Err(format!("its key {} is not there", path.display()));
    }
    let text = read_key(&path).map_err(|error| error.to_string())?;
    Keyring::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Beside the files: who has the folder has both, who has a file alone has nothing.
const KEY: &str = "key";
