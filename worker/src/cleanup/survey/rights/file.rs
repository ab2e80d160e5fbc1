//! SQLite: whether the file can be written, and the folder in which it keeps its journal.

use std::path::Path;

use rustix::{
    fs::{Access, access},
    io::Errno,
};
use tokenkeeper_shared::store::StoreError;

use super::super::Problem;
use crate::cleanup::{database::Database, dialect::Dialect, policy::Case, sql::Sql};

pub(super) async fn lacks(database: &Database) -> Result<Vec<Problem>, StoreError> {
    let url = database.url();
    if url.is_read_only() {
        let message = "the address asks that nothing be changed: leave out mode=ro and immutable=1";
        return Ok(vec![Problem(message.to_owned())]);
    }
    // SQLite keeps its journal beside what a link refers to.
    let Some(file) = url.file().and_then(|file| file.canonicalize().ok()) else {
        return Ok(Vec::new());
    };
    let mut problems = Vec::new();
    problems.extend(unwritable(
        &file,
        "its owner, or root, must let this user write it (chmod, chattr -i)",
    ));
    if let Some(folder) = file.parent().filter(|_| problems.is_empty()) {
        let mut mode = Sql::new(Dialect::Sqlite, Case::Exact);
        mode.push("PRAGMA journal_mode");
        let mode = database.cell(&mode).await?.unwrap_or_default();
        if needs_folder(&mode, &file) {
            let advice = "SQLite makes its journal there; let this user make files in it";
            problems.extend(unwritable(folder, advice));
        }
    }
    Ok(problems)
}

/// Where a journal is made anew; one that is there already is written without the folder.
fn needs_folder(mode: &str, file: &Path) -> bool {
    let is_there = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        Path::new(&name).exists()
    };
    match mode {
        "delete" => true,
        "truncate" | "persist" => !is_there("-journal"),
        "wal" => !is_there("-wal"),
        _ => false,
    }
}

/// By what the system says, ACLs and read-only mounts included.
fn unwritable(path: &Path, advice: &str) -> Option<Problem> {
    let denied = access(path, Access::WRITE_OK).err()?;
    let why = match denied {
        Errno::ROFS => "it lies on a file system that is mounted read-only".to_owned(),
        other => other.to_string(),
    };
    Some(Problem(format!("{} cannot be written: {why}: {advice}", path.display())))
}
