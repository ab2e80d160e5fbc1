//! A backup in a file: NDJSON in zstd frames, one for each batch. A batch's frame is on the disk before the
//! batch is committed, and the ledger says, in the same transaction, how long the file is then: what lies
//! behind that was never deleted.

mod cell;
mod load;
mod moved;
mod reader;

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokenkeeper_shared::store::StoreError;

pub use self::load::load;
pub(super) use self::moved::move_out;
use super::{digest, ledger::Run};

/// A file that a run's rows are kept in, open to be written.
#[derive(Debug)]
pub struct Archive {
    file: File,
    path: PathBuf,
}

/// What the ledger knows of a run's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Mark {
    /// Where it was written.
    pub path: PathBuf,
    /// How much of it belongs to batches that were committed.
    pub bytes: u64,
}

/// The first line: whose rows these are.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Header {
    /// The form of the file: 1.
    version: u32,
    run: String,
    policy: String,
}

impl Archive {
    /// Makes the file, for its owner alone; or goes on with that of a run that was taken up.
    ///
    /// # Errors
    /// [`StoreError::File`], also where the file is there and another run's.
    pub fn open(path: &Path, policy: &str, run: &mut Run) -> Result<Self, StoreError> {
        let path = run.progress.file.as_ref().map_or(path, |mark| &mark.path).to_owned();
        let path = std::path::absolute(&path).unwrap_or(path);
        let opened = Self::made_or_found(&path, policy, run).map_err(|error| failed(&path, error));
        let (file, bytes) = opened?;
        run.progress.file = Some(Mark { path: path.clone(), bytes });
        Ok(Self { file, path })
    }

    fn made_or_found(path: &Path, policy: &str, run: &Run) -> io::Result<(File, u64)> {
        let known = run.progress.file.as_ref().map_or(0, |mark| mark.bytes);
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let made = if known == 0 { options.clone().create_new(true).open(path) } else { gone() };
        let (file, is_new) = match made {
            Ok(file) => (file, true),
            Err(_) if path.exists() => (options.open(path)?, false),
            Err(error) => return Err(error),
        };
        // A runner that was only frozen has it still, and would cut off what we write.
        file.try_lock().map_err(|_| io::Error::new(ErrorKind::WouldBlock, LOCKED))?;
        if !is_new && reader::header(&file).map_or(true, |found| found.run != run.id) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, OTHERS));
        }
        if known > 0 {
            return Ok((file, known));
        }
        let header = Header { version: 1, run: run.id.clone(), policy: policy.to_owned() };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        let archive = Self { file, path: path.to_owned() };
        let bytes = archive.write(0, &line)?;
        sync_folder(path)?;
        Ok((archive.file, bytes))
    }

    /// Puts lines behind the first `from` bytes, in place of what is there, and waits until the disk has
    /// them. Returns how long the file is.
    ///
    /// # Errors
    /// [`StoreError::File`]: a full disk, for one.
    pub fn append(&self, from: u64, lines: &[u8]) -> Result<u64, StoreError> {
        self.write(from, lines).map_err(|error| failed(&self.path, error))
    }

    fn write(&self, from: u64, lines: &[u8]) -> io::Result<u64> {
        let frame = zstd::encode_all(lines, LEVEL)?;
        let mut file = &self.file;
        file.set_len(from)?;
        file.seek(SeekFrom::Start(from))?;
        file.write_all(&frame)?;
        file.sync_all()?;
        Ok(from + frame.len() as u64)
    }

    /// Cuts off what was never committed, and writes the manifest beside the file: its SHA-256, as `sha256sum`
    /// reads it.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn finish(&self, run: &Run) -> Result<(), StoreError> {
        let Some(mark) = &run.progress.file else { return Ok(()) };
        self.seal(mark.bytes).map_err(|error| failed(&self.path, error))
    }

    fn seal(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.file.sync_all()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("{}  {name}\n", hash(&self.file)?);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(line.as_bytes())?;
        draft.as_file().sync_all()?;
        draft.persist(manifest(&self.path)).map_err(|error| error.error)?;
        sync_folder(&self.path)
    }
}

fn gone() -> io::Result<File> {
    Err(io::Error::new(ErrorKind::NotFound, GONE))
}

/// Where a file's SHA-256 stands.
fn manifest(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

fn hash(mut file: &File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut bytes) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(digest::digits(&hasher.finalize())),
            read => hasher.update(&bytes[..read]),
        }
    }
}

/// A new name lasts when its folder is on the disk, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path, error: io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), source: error.into() }
}

const GONE: &str = "this run was cut off, and its backup file is not here: go on where it is";
const LOCKED: &str = "another process of this host has it open";
const OTHERS: &str = "there is such a file, and it is not this run's: name another one";
/// zstd's own default.
const LEVEL: i32 = 3;

#[cfg(test)]
mod tests;
