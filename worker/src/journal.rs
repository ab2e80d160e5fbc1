//! Answers on their way to the database, in a local file: whatever dies between the provider's
//! answer and the database's acknowledgement, the next run on this host finds the answer here.
//!
//! Each process has a file of its own, locked for as long as it lives and made with its first
//! answer; who finds a file without a living owner replays it. How an answer becomes a line lies in
//! `line`, how lines are written in `file`, how they are found again in `left`; what a replay does in the
//! database lies in `replay`.

pub mod file;
pub mod left;
mod line;
pub mod replay;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    thread,
};

use tokenkeeper_shared::{name::TokenName, store::Prepared};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use uuid::Uuid;

pub use self::line::Values;
use self::{file::JournalFile, line::Lines};

/// Where answers are kept until the database has them. Clones write to the same file.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Kept>);

#[derive(Debug, Clone)]
struct Kept {
    folder: PathBuf,
    lines: Lines,
    entries: mpsc::UnboundedSender<Entry>,
}

#[derive(Debug)]
enum Entry {
    Answer {
        key: Key,
        line: String,
        done: oneshot::Sender<io::Result<()>>,
    },
    Settled(Key),
    /// Nothing more comes for a while: an empty file may go.
    Rest(oneshot::Sender<()>),
}

/// Rows that were claimed together share an attempt; each has an answer of its own.
type Key = (Uuid, TokenName);

fn key(prepared: &Prepared) -> Key {
    (prepared.attempt(), prepared.name().clone())
}

impl Journal {
    /// No journal: there is no disk, and somebody said so.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// A journal in this folder, which is made, readable by its owner only; and for answers of a store
    /// in clear a key for it, once.
    ///
    /// # Errors
    /// When the folder cannot be made or written to, or its key cannot be read.
    pub fn open(folder: &Path, values: Values) -> io::Result<Self> {
        file::make_folder(folder)?;
        let lines = Lines::of(folder, values)?;
        let (entries, receiver) = mpsc::unbounded_channel();
        let writer = Writer { folder: folder.to_owned(), file: None, open: HashMap::new() };
        thread::Builder::new().name("journal".into()).spawn(move || writer.write(receiver))?;
        Ok(Self(Some(Kept { folder: folder.to_owned(), lines, entries })))
    }

    /// Whether there is a journal.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// The folder, where there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.as_ref().map(|kept| kept.folder.as_path())
    }

    /// Writes an answer and returns once the disk has it.
    ///
    /// # Errors
    /// When it cannot be written: the answer is then only in memory.
    pub async fn append(&self, prepared: &Prepared) -> io::Result<()> {
        let Some(kept) = &self.0 else { return Ok(()) };
        let (done, written) = oneshot::channel();
        let (key, line) = (key(prepared), kept.lines.write(prepared)?);
        kept.entries.send(Entry::Answer { key, line, done }).map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }

    /// The database has the answer, or has a newer one.
    pub fn settle(&self, prepared: &Prepared) {
        if let Some(kept) = &self.0 {
            let _ = kept.entries.send(Entry::Settled(key(prepared)));
        }
    }

    /// Waits until all is written, and removes the file if every answer in it is settled. A later
    /// answer makes a new one.
    pub async fn rest(&self) {
        if let Some(kept) = &self.0 {
            let (done, rested) = oneshot::channel();
            let _ = kept.entries.send(Entry::Rest(done));
            let _ = rested.await;
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the journal's writer has ended")
}

/// The thread that writes. Whatever waits while the disk is busy goes with the next write, so that
/// many answers cost one wait for the disk.
struct Writer {
    folder: PathBuf,
    file: Option<JournalFile>,
    /// Answers that the database may not have yet.
    open: HashMap<Key, String>,
}

impl Writer {
    fn write(mut self, mut entries: mpsc::UnboundedReceiver<Entry>) {
        while let Some(first) = entries.blocking_recv() {
            let mut batch = vec![first];
            while let Ok(next) = entries.try_recv() {
                batch.push(next);
            }
            self.take(batch);
        }
        self.remove_empty();
    }

    fn remove_empty(&mut self) {
        if self.open.is_empty()
            && let Some(file) = self.file.take()
        {
            file.remove();
        }
    }

    fn take(&mut self, batch: Vec<Entry>) {
        let (mut lines, mut waiting, mut resting) = (Vec::new(), Vec::new(), Vec::new());
        for entry in batch {
            match entry {
                Entry::Answer { key, line, done } => {
                    lines.push(line.clone());
                    self.open.insert(key, line);
                    waiting.push(done);
                }
                Entry::Settled(key) => drop(self.open.remove(&key)),
                Entry::Rest(done) => resting.push(done),
            }
        }
        let written = if lines.is_empty() { Ok(()) } else { self.append(&lines) };
        for done in waiting {
            let told =
                written.as_ref().copied().map_err(|e| io::Error::new(e.kind(), e.to_string()));
            let _ = done.send(told);
        }
        self.tidy();
        if !resting.is_empty() {
            self.remove_empty();
        }
        for done in resting {
            let _ = done.send(());
        }
    }

    fn append(&mut self, lines: &[String]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(JournalFile::create(&self.folder)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.append(lines))
    }

    /// An answer that the database has need not be found again: an empty file is cheaper to replay.
    fn tidy(&mut self) {
        let Some(file) = &mut self.file else { return };
        let tidied = if self.open.is_empty() {
            file.clear()
        } else if file.length() > LARGEST {
            file.rewrite(self.open.values())
        } else {
            Ok(())
        };
        if let Err(error) = tidied {
            warn!("the journal could not be tidied: {error}");
        }
    }
}

/// A busy pass never has all its answers settled at one moment; this many bytes are then written
/// anew with what is open.
const LARGEST: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
