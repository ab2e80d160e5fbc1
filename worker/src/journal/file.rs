//! One journal file: lines of answers, written and synced, locked by its owner; and reading what
//! an owner that died has left.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use tokenkeeper_shared::store::Prepared;
use uuid::Uuid;

/// A file that this process owns.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    file: File,
    length: u64,
}

/// Makes the folder of journals, readable by its owner only.
///
/// # Errors
/// When it cannot be made, or not be written to.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    probe(folder)
}

/// Whether this user may make files in an existing folder. The file that is tried has no name, so that
/// nothing is left of it.
///
/// # Errors
/// What the system said.
pub fn probe(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

impl JournalFile {
    /// A new file of this process in `folder`.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!("{}.{EXTENSION}", Uuid::now_v7().simple()));
        let file = private().open(&path)?;
        file.lock()?;
        // The name must be on the disk as well as what is in the file.
        File::open(folder)?.sync_all()?;
        Ok(Self { path, file, length: 0 })
    }

    /// Writes lines and waits until the disk has them. What could be written in part only is taken
    /// back.
    ///
    /// # Errors
    /// What the system said: a full disk, most likely.
    pub fn append(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = lines.join("\n");
        text.push('\n');
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.cut(self.length)?;
            return Err(error);
        }
        self.length += u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// How many bytes are in it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Empties the file.
    ///
    /// # Errors
    /// What the system said.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.length > 0 { self.cut(0) } else { Ok(()) }
    }

    /// Goes on with a new file that holds only these lines.
    ///
    /// # Errors
    /// What the system said; the old file then stays.
    pub fn rewrite<'l>(&mut self, lines: impl Iterator<Item = &'l String>) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut new = Self::create(&folder)?;
        let lines: Vec<String> = lines.cloned().collect();
        match new.append(&lines) {
            Ok(()) => std::mem::replace(self, new).remove(),
            Err(error) => {
                new.remove();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the file; nobody needs it any more.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        self.length = length;
        Ok(())
    }
}

/// What a process that died has left: its file, which is ours as long as this lives.
#[derive(Debug)]
pub struct Orphan {
    path: PathBuf,
    _locked: File,
    /// Answers that the database may not have.
    pub answers: Vec<Prepared>,
    /// Lines that are no whole answer: torn by a crash, before anybody was told that they were
    /// written.
    pub torn: usize,
}

impl Orphan {
    /// Removes the file: all that was in it is settled.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// What is in a folder of journals: files without a living owner, and how many have one.
///
/// # Errors
/// When the folder cannot be read. A folder that does not exist holds nothing.
pub fn orphans(folder: &Path) -> io::Result<(Vec<Orphan>, usize)> {
    let (mut orphans, mut owned) = (Vec::new(), 0);
    for path in files(folder)? {
        match adopt(&path) {
            Ok(Some(orphan)) => orphans.push(orphan),
            Ok(None) => owned += 1,
            // Another run was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok((orphans, owned))
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths: Vec<PathBuf> = paths
        .map_err(|error: io::Error| error)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    // Names begin with the time of their making: the older answer first.
    paths.sort_unstable();
    Ok(paths)
}

/// `None` when the owner lives.
fn adopt(path: &Path) -> io::Result<Option<Orphan>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.is_empty());
    let read: Vec<Option<Prepared>> = lines.map(Prepared::from_line).collect();
    let torn = read.iter().filter(|answer| answer.is_none()).count();
    let answers = read.into_iter().flatten().collect();
    Ok(Some(Orphan { path: path.to_owned(), _locked: file, answers, torn }))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
}

const EXTENSION: &str = "journal";
