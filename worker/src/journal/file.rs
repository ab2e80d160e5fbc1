//! One journal file: lines of answers, written and synced, locked by its owner; and reading what
//! an owner that died has left.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
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

/// Files without a living owner in a folder of journals, which are ours as long as these live.
///
/// # Errors
/// When the folder cannot be read. A folder that does not exist holds nothing.
pub fn orphans(folder: &Path) -> io::Result<Vec<Orphan>> {
    let mut orphans = Vec::new();
    for path in files(folder)? {
        if let Some(Some(orphan)) = found(adopt(&path)).transpose()? {
            orphans.push(orphan);
        }
    }
    Ok(orphans)
}

/// What lies in a folder of journals, for those who only look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Answers in files without a living owner.
    pub answers: usize,
    /// Files whose owner lives.
    pub owned: usize,
}

/// Looks at a folder of journals, and is in nobody's way.
///
/// # Errors
/// As [`orphans`].
pub fn look(folder: &Path) -> io::Result<Seen> {
    let mut seen = Seen::default();
    for path in files(folder)? {
        match found(look_into(&path)).transpose()? {
            Some(Some(answers)) => seen.answers += answers,
            Some(None) => seen.owned += 1,
            None => {}
        }
    }
    Ok(seen)
}

/// `None` for a file that is gone: another run was quicker.
fn found<T>(file: io::Result<T>) -> Option<io::Result<T>> {
    match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other),
    }
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
    if !is_free(&file)? {
        return Ok(None);
    }
    let (answers, torn) = read(&mut file)?;
    Ok(Some(Orphan { path: path.to_owned(), _locked: file, answers, torn }))
}

/// Takes the lock of a file whose owner is dead. Who only looks holds it too, shared and for an
/// instant, and must not be taken for a living owner.
fn is_free(file: &File) -> io::Result<bool> {
    loop {
        if is_taken(file.try_lock())? {
            return Ok(true);
        }
        if !is_taken(file.try_lock_shared())? {
            return Ok(false);
        }
        file.unlock()?;
        thread::yield_now();
    }
}

/// How many answers are in a file; `None` when its owner lives.
fn look_into(path: &Path) -> io::Result<Option<usize>> {
    let mut file = File::open(path)?;
    if !is_taken(file.try_lock_shared())? {
        return Ok(None);
    }
    file.unlock()?;
    Ok(Some(read(&mut file)?.0.len()))
}

fn is_taken(lock: Result<(), TryLockError>) -> io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The answers, and how many lines are none.
fn read(file: &mut File) -> io::Result<(Vec<Prepared>, usize)> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.is_empty());
    let read: Vec<Option<Prepared>> = lines.map(Prepared::from_line).collect();
    let torn = read.iter().filter(|answer| answer.is_none()).count();
    Ok((read.into_iter().flatten().collect(), torn))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
}

const EXTENSION: &str = "journal";
