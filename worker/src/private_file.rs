//! Files and folders that nobody else on this machine can read.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use tokenkeeper_shared::secret::Secret;
use uuid::Uuid;

/// Writes a file that nobody else can read and that appears whole. `false` when it exists: several
/// first starts at once agree on one key, because only one of them links its file into place.
///
/// # Errors
/// What the system said.
pub(crate) fn write(path: &Path, text: &Secret) -> io::Result<bool> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        folder(parent)?;
    }
    let draft = path.with_extension(format!("{}.new", Uuid::new_v4().simple()));
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = writeln!(written, "{}", text.expose())
        .and_then(|()| written.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a folder and those above it, where they are missing.
///
/// # Errors
/// What the system said.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
