//! The file of the microservice's keys: hashes, labels and names, readable by its owner. Its place,
//! reading, changing. What a key is lies with `keys`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    http::digest::Digest,
    settings::Settings,
};

use super::keys::{Allowed, Key, Keys, Word};

/// Where the keys lie.
#[derive(Debug, Clone)]
pub(crate) struct KeysFile(PathBuf);

/// By what a changed file is told from the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
    mode: u32,
}

impl Stamp {
    /// `None` when there is no such file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: metadata.ino(),
            mode: metadata.mode(),
        })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    label: String,
    sha256: String,
    tokens: Vec<String>,
    report: bool,
}

impl KeysFile {
    /// The file that was named, or the one beside the configuration.
    pub(crate) fn find(named: Option<PathBuf>, settings: &Settings) -> Result<Self, Failure> {
        if let Some(path) = named {
            return Ok(Self(path));
        }
        let configuration = match &settings.file {
            Some(file) => file.path().to_owned(),
            None => settings.paths.default_config()?,
        };
        Ok(Self(configuration.with_file_name(FILE_NAME)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the keys; none where there is no file.
    pub(crate) fn read(&self) -> Result<Keys, Failure> {
        let metadata = match fs::metadata(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Keys::default()),
            metadata => metadata.map_err(|error| self.wrong(&error.to_string()))?,
        };
        if metadata.permissions().mode() & FOREIGN != 0 {
            let advice = format!("others can read or change it: run `chmod 600 {}`", self.shown());
            return Err(self.wrong(&advice));
        }
        let text = fs::read_to_string(&self.0).map_err(|error| self.wrong(&error.to_string()))?;
        let table: Table = toml::from_str(&text).map_err(|error| {
            let before = text.bytes().take(error.span().map_or(0, |span| span.start));
            let line = before.filter(|&byte| byte == b'\n').count() + 1;
            self.wrong(&format!("line {line}: {}", error.message().replace('\n', "; ")))
        })?;
        let mut keys = Keys::default();
        for entry in table.key {
            let label = entry.label.clone();
            let read = entry.read().map_err(|wrong| self.wrong(&wrong))?;
            if !keys.add(read.0, read.1) {
                return Err(self.wrong(&format!("two keys are labelled \"{label}\"")));
            }
        }
        Ok(keys)
    }

    /// Reads, changes and writes the keys, one process after the other. The file appears whole.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&mut Keys) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |error: std::io::Error| self.wrong(&error.to_string());
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let turn = File::open(folder).map_err(failed)?;
        turn.lock().map_err(failed)?;
        let mut keys = self.read()?;
        change(&mut keys)?;
        let draft = self.0.with_extension("toml.new");
        // What a process that died has left.
        fs::remove_file(&draft).ok();
        let mut open = OpenOptions::new();
        let mut written =
            open.write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        written.write_all(text(&keys)?.as_bytes()).map_err(failed)?;
        written.sync_all().map_err(failed)?;
        fs::rename(&draft, &self.0).map_err(failed)
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }

    fn wrong(&self, message: &str) -> Failure {
        Failure::new(Exit::Usage, format!("{}: {message}", self.shown()))
    }
}

impl Entry {
    fn read(self) -> Result<(Digest, Key), String> {
        let Self { label, sha256, tokens, report } = self;
        let words =
            tokens.iter().map(|word| word.parse::<Word>()).collect::<Result<Vec<_>, _>>()?;
        let digest = Digest::parse(&sha256).ok_or_else(|| {
            format!("the key \"{label}\" has no SHA-256 of 64 hexadecimal digits")
        })?;
        let tokens = words.into_iter().collect();
        Ok((digest, Key { label: label.parse()?, tokens, may_report: report }))
    }

    fn of(digest: &Digest, key: &Key) -> Self {
        let tokens = match &key.tokens {
            Allowed::All => vec!["*".to_owned()],
            Allowed::Names(names) => names.iter().map(ToString::to_string).collect(),
        };
        let label = key.label.to_string();
        Self { label, sha256: digest.to_string(), tokens, report: key.may_report }
    }
}

fn text(keys: &Keys) -> Result<String, Failure> {
    let key = keys.all().into_iter().map(|(digest, key)| Entry::of(digest, key)).collect();
    let table = toml::to_string(&Table { key })
        .map_err(|error| Failure::new(Exit::Internal, format!("the keys do not write: {error}")))?;
    Ok(format!("{HEADER}{table}"))
}

const FILE_NAME: &str = "service-keys.toml";

/// A group may read, as services share their files; nobody else may, and nobody may put keys in.
const FOREIGN: u32 = 0o027;

const HEADER: &str = "\
# Who may ask `tokenkeeper-consumer serve`: hashes of keys, and the tokens that each may see.
# Written by `tokenkeeper-consumer key new` and `key remove`; a running server reads it again.

";

#[cfg(test)]
mod tests;
