//! The journal's folder on one host: what outlives a process. Which process owns a file, and what
//! a replay does with one that has no living owner, lies in `worker`.

use uuid::Uuid;

use crate::row::Line;

/// The files of one host.
#[derive(Debug, Default)]
pub struct Folder {
    pub files: Vec<File>,
}

/// What one process has left, or has open.
#[derive(Debug)]
pub struct File {
    /// The process that holds its lock.
    pub owner: Option<u64>,
    pub lines: Vec<Written>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Written {
    pub line: Line,
    pub row: usize,
    /// The disk has it, and its writer was told.
    pub is_synced: bool,
}

impl Folder {
    pub fn append(&mut self, owner: u64, row: usize, line: Line) {
        let written = Written { line, row, is_synced: false };
        match self.files.iter_mut().find(|file| file.owner == Some(owner)) {
            Some(file) => file.lines.push(written),
            None => self.files.push(File { owner: Some(owner), lines: vec![written] }),
        }
    }

    pub fn synced(&mut self, line: &Line) {
        for written in self.lines_of(line) {
            written.is_synced = true;
        }
    }

    /// The database has the answer, or has a newer one.
    pub fn settle(&mut self, line: &Line) {
        for file in &mut self.files {
            let key = (line.attempt, line.id);
            file.lines.retain(|written| (written.line.attempt, written.line.id) != key);
        }
        self.files.retain(|file| !file.lines.is_empty());
    }

    /// A process has ended; its lock goes with it.
    pub fn leave(&mut self, owner: u64) {
        for file in &mut self.files {
            file.owner = file.owner.filter(|own| *own != owner);
        }
    }

    /// Nothing is left that a disk had not.
    pub fn lose_unsynced(&mut self) {
        for file in &mut self.files {
            file.lines.retain(|written| written.is_synced);
        }
        self.files.retain(|file| !file.lines.is_empty());
    }

    /// Locks every file without a living owner and says what is in them.
    pub fn adopt(&mut self, owner: u64) -> Vec<Written> {
        let orphans = self.files.iter_mut().filter(|file| file.owner.is_none());
        orphans
            .flat_map(|file| {
                file.owner = Some(owner);
                file.lines.clone()
            })
            .collect()
    }

    pub fn holds(&self, row: usize, attempt: Uuid) -> bool {
        let mut lines = self.files.iter().flat_map(|file| &file.lines);
        lines.any(|written| (written.row, written.line.attempt) == (row, attempt))
    }

    /// Whether an answer to this generation of a row waits here.
    pub fn answers(&self, id: Uuid, generation: i64) -> bool {
        let mut lines = self.files.iter().flat_map(|file| &file.lines);
        lines.any(|written| (written.line.id, written.line.generation) == (id, generation))
    }

    fn lines_of<'f>(&'f mut self, line: &Line) -> impl Iterator<Item = &'f mut Written> {
        let key = (line.attempt, line.id);
        let lines = self.files.iter_mut().flat_map(|file| &mut file.lines);
        lines.filter(move |written| (written.line.attempt, written.line.id) == key)
    }
}
