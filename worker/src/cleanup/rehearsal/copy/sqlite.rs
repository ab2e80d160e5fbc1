//! A copy of a SQLite file, made by `VACUUM INTO`: one consistent state, whoever writes meanwhile.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;
use tokenkeeper_shared::{database_url::DatabaseUrl, store::StoreError};

use super::{
    super::{NotRehearsed, name::CopyName},
    Copy, Home, Wanted, Way, unless_stopped,
};
use crate::cleanup::{
    database::{Access, Database},
    dialect::Dialect,
    policy::Case,
    sql::{Bind, Sql},
};

/// A copy's file, and the lock that says that somebody is at it.
#[derive(Debug)]
pub(super) struct SqliteCopy {
    path: PathBuf,
    _lock: File,
}

pub(super) async fn make(wanted: &Wanted<'_>, name: &CopyName) -> Result<Copy, NotRehearsed> {
    let source = wanted.source.file().unwrap_or_default();
    let own = source.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = wanted.folder.as_deref().or(own).unwrap_or(Path::new("."));
    let beside = beside(&source);
    let dropped = drop_left(folder, &beside);
    let database = Database::open(wanted.source.clone(), Access::Look)?;
    let size = number(&database, SIZE).await?;
    room(folder, size)?;
    let path = folder.join(format!("{beside}{name}"));
    let refused = |error: io::Error| {
        NotRehearsed::Refused(format!(
            "{}: {error}: name a folder with --copy-to in which a file can be made",
            path.display()
        ))
    };
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file = made.map_err(refused)?;
    file.lock().map_err(refused)?;
    let copy = SqliteCopy { path: path.clone(), _lock: file };
    let url = DatabaseUrl::of_file(&path);
    match unless_stopped(wanted.stop, fill(&database, &path, &url)).await {
        Ok(()) => {
            database.close().await;
            let name = path.display().to_string();
            Ok(Copy { url, name, way: Way::Vacuum, dropped, home: Home::Sqlite(copy) })
        }
        Err(error) => {
            // A statement that nobody waits for goes on: into a file without a name.
            copy.end().map_err(NotRehearsed::Store)?;
            Err(error)
        }
    }
}

impl SqliteCopy {
    pub(super) fn end(&self) -> Result<(), StoreError> {
        remove(&self.path).map_err(|error| StoreError::File {
            path: self.path.display().to_string(),
            source: error.into(),
        })
    }
}

async fn fill(database: &Database, path: &Path, url: &DatabaseUrl) -> Result<(), NotRehearsed> {
    let mut session = database.session().await?;
    let mut sql = Sql::new(Dialect::Sqlite, Case::Exact);
    sql.push("VACUUM INTO ").bind(Bind::Text(path.display().to_string()));
    let done = session.run(&sql).await;
    session.close().await;
    done?;
    let mut mode = Sql::new(Dialect::Sqlite, Case::Exact);
    mode.push("PRAGMA journal_mode");
    if database.cell(&mode).await?.as_deref() == Some("wal") {
        // Else the copy's transactions would cost what the file's do not.
        let copy = Database::open(url.clone(), Access::Change)?;
        copy.rows(mode.push(" = WAL")).await?;
        copy.close().await;
    }
    Ok(())
}

/// Copies of this file that nobody is at.
fn drop_left(folder: &Path, beside: &str) -> Vec<String> {
    let left = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_left = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.strip_prefix(beside)).and_then(CopyName::of_passing).is_some()
            && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
    };
    let paths = left.map(|entry| entry.path()).filter(is_left);
    paths.filter(|path| remove(path).is_ok()).map(|path| path.display().to_string()).collect()
}

/// The file last: as long as it is there, the rest is found.
fn remove(path: &Path) -> io::Result<()> {
    for end in ["-journal", "-wal", "-shm", ""] {
        let mut name = OsString::from(path);
        name.push(end);
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn room(folder: &Path, size: u64) -> Result<(), NotRehearsed> {
    let Ok(disk) = statvfs(folder) else { return Ok(()) };
    let room = disk.f_bavail.saturating_mul(disk.f_frsize);
    if room >= size {
        return Ok(());
    }
    Err(NotRehearsed::Refused(format!(
        "{} has room for {room} bytes and the copy takes {size}: make room, or name another folder with --copy-to",
        folder.display()
    )))
}

async fn number(database: &Database, statement: &'static str) -> Result<u64, StoreError> {
    let mut sql = Sql::new(Dialect::Sqlite, Case::Exact);
    sql.push(statement);
    Ok(database.cell(&sql).await?.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// What the names of a file's copies begin with.
fn beside(source: &Path) -> String {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.")
}

/// Without what is free in it, which no copy has.
const SIZE: &str = "SELECT CAST((page_count - freelist_count) * page_size AS text) \
     FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_refused_with_what_to_do() {
        assert!(room(Path::new("."), 1).is_ok());
        let refused = room(Path::new("."), u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("--copy-to"), "{refused}");
    }

    #[test]
    fn a_copy_is_dropped_with_its_name_when_nobody_is_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let name = |text: &str| folder.path().join(text);
        let ours = "t.db.tokenkeeper_rehearsal_0a1b2c3d";
        let busy = "t.db.tokenkeeper_rehearsal_00000000";
        let others = ["t.db", "t.db.bak", "u.db.tokenkeeper_rehearsal_0a1b2c3d", busy];
        for file in others.iter().chain([&ours, &"t.db.tokenkeeper_rehearsal_0a1b2c3d-wal"]) {
            fs::write(name(file), "").unwrap();
        }
        let held = File::open(name(busy)).unwrap();
        held.lock().unwrap();
        assert_eq!(drop_left(folder.path(), "t.db."), [name(ours).display().to_string()]);
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        let mut expected = others;
        expected.sort_unstable();
        assert_eq!(left, expected);
    }
}
