//! What processes that died have left in a folder of journals: found, told from what the living own, and
//! read.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
};

use tokenkeeper_shared::store::Prepared;

use super::{
    file::EXTENSION,
    line::{Line, Reader},
};

/// A file that a dead process has left, which is ours as long as this lives.
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

/// A file that nobody owns and that does not open here. It is left alone: its key may come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: its answers cannot be read: {why}: bring the key back, or remove the file if nobody needs them",
    path.display()
)]
pub struct Locked {
    path: PathBuf,
    why: String,
}

/// What was found in a folder of journals for a run to take up.
#[derive(Debug, Default)]
pub struct Left {
    /// Files to replay.
    pub orphans: Vec<Orphan>,
    /// Files to leave alone.
    pub locked: Vec<Locked>,
}

/// Takes the files without a living owner in a folder of journals.
///
/// # Errors
/// When the folder cannot be read. A folder that does not exist holds nothing.
pub fn take(folder: &Path) -> io::Result<Left> {
    let (mut left, reader) = (Left::default(), Reader::of(folder));
    for path in files(folder)? {
        let Some((file, lines)) = found(adopt(&path, &reader))?.flatten() else { continue };
        match lines {
            Ok(Lines { answers, torn }) => {
                left.orphans.push(Orphan { path, _locked: file, answers, torn });
            }
            Err(why) => left.locked.push(Locked { path, why }),
        }
    }
    Ok(left)
}

/// What lies in a folder of journals, for those who only look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Answers in files without a living owner.
    pub answers: usize,
    /// Files whose owner lives.
    pub owned: usize,
    /// Files that do not open here.
    pub locked: Vec<Locked>,
}

/// Looks at a folder of journals, and is in nobody's way.
///
/// # Errors
/// As [`take`].
pub fn look(folder: &Path) -> io::Result<Seen> {
    let (mut seen, reader) = (Seen::default(), Reader::of(folder));
    for path in files(folder)? {
        match found(look_into(&path, &reader))? {
            Some(Some(Ok(lines))) => seen.answers += lines.answers.len(),
            Some(Some(Err(why))) => seen.locked.push(Locked { path, why }),
            Some(None) => seen.owned += 1,
            None => {}
        }
    }
    Ok(seen)
}

/// `None` for a file that is gone: another run was quicker.
fn found<T>(file: io::Result<T>) -> io::Result<Option<T>> {
    match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Result<Vec<PathBuf>, io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    // Names begin with the time of their making: the older answer first.
    paths.sort_unstable();
    Ok(paths)
}

/// What is in a file, or why it does not open.
type Opened = Result<Lines, String>;

struct Lines {
    answers: Vec<Prepared>,
    torn: usize,
}

/// `None` when the owner lives.
fn adopt(path: &Path, reader: &Reader) -> io::Result<Option<(File, Opened)>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    if !is_free(&file)? {
        return Ok(None);
    }
    let lines = read(&mut file, reader)?;
    Ok(Some((file, lines)))
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

/// `None` when the owner lives.
fn look_into(path: &Path, reader: &Reader) -> io::Result<Option<Opened>> {
    let mut file = File::open(path)?;
    if !is_taken(file.try_lock_shared())? {
        return Ok(None);
    }
    file.unlock()?;
    read(&mut file, reader).map(Some)
}

fn is_taken(lock: Result<(), TryLockError>) -> io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read(file: &mut File, reader: &Reader) -> io::Result<Opened> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = Lines { answers: Vec::new(), torn: 0 };
    for line in text.lines().filter(|line| !line.is_empty()) {
        match reader.read(line) {
            Line::Answer(answer) => lines.answers.push(*answer),
            Line::Torn => lines.torn += 1,
            Line::Locked(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(lines))
}
