//! One journal file: lines of answers, written and synced, locked by its owner. What an owner that died
//! has left is read in `left`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::private_file;

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
    private_file::folder(folder)?;
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

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
}

/// What every journal file is named by.
pub(super) const EXTENSION: &str = "journal";
