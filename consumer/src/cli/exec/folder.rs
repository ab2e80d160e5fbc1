//! The folder of a running `exec`: nobody else's, in memory where the system has such a place, gone
//! with the command. One whose program was killed is taken away by the next.

use std::{
    env,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use tempfile::TempDir;
use tokenkeeper_shared::exit::{Exit, Failure};

/// Removed when it goes.
pub(super) struct Folder {
    place: TempDir,
    /// Its lock tells the living from the dead; a child does not inherit it.
    _lock: File,
}

impl Folder {
    pub(super) fn make() -> Result<Self, Failure> {
        let above = above();
        clear(&above);
        Self::make_in(&above).map_err(|error| {
            let above = above.display();
            let message = format!(
                "{above}: no folder for the tokens can be made there: {error}; set XDG_RUNTIME_DIR or TMPDIR to one of yours"
            );
            Failure::new(Exit::Usage, message)
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    fn make_in(above: &Path) -> io::Result<Self> {
        let mode = Permissions::from_mode(0o700);
        let place = tempfile::Builder::new().prefix(PREFIX).permissions(mode).tempdir_in(above)?;
        // It has its name once it is locked: without one the folder is being made.
        let unnamed = place.path().join(UNLOCKED);
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(&unnamed, place.path().join(LOCK))?;
        Ok(Self { place, _lock: lock })
    }
}

/// `XDG_RUNTIME_DIR` is the user's own and lies in memory.
fn above() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.filter(|folder| folder.is_absolute() && folder.is_dir()).unwrap_or_else(env::temp_dir)
}

/// Takes away what killed programs of this user have left. What cannot be judged stays.
fn clear(above: &Path) {
    let Ok(entries) = above.read_dir() else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let own = entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw());
        if is_ours && own && is_left(&entry.path()) {
            // Another one may be at it.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder without a lock yet is being made.
fn is_left(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

const PREFIX: &str = "tokenkeeper-exec-";
/// No variable is called like these.
const LOCK: &str = ".lock";
const UNLOCKED: &str = ".unlocked";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_owners_alone_and_goes_in_the_end() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::make_in(above.path()).unwrap();
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert_eq!(above.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_program_left_goes_and_what_lives_stays() {
        let above = tempfile::tempdir().unwrap();
        let living = Folder::make_in(above.path()).unwrap();
        let left = above.path().join(format!("{PREFIX}left"));
        let being_made = above.path().join(format!("{PREFIX}being-made"));
        let of_others = above.path().join("other");
        for folder in [&left, &being_made, &of_others] {
            fs::create_dir(folder).unwrap();
        }
        for folder in [&left, &of_others] {
            fs::write(folder.join(LOCK), "").unwrap();
            fs::write(folder.join("A_TOKEN"), "secret").unwrap();
        }
        clear(above.path());
        let is_there = [living.path(), &left, &being_made, &of_others].map(Path::exists);
        assert_eq!(is_there, [true, false, true, true]);
    }
}
