//! Files with secrets that others read while they change: written beside and renamed over, so that
//! nobody sees half of one.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Writes the file anew; nobody but the owner can read it before it has its mode.
///
/// # Errors
/// The folder cannot be written to, or the disk is full: then the old file is still there.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new().prefix(".tokenkeeper-").tempfile_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().set_permissions(Permissions::from_mode(mode))?;
    draft.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, mode) in [("first", 0o600), ("second", 0o640)] {
            replace(&path, text, mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn who_has_the_old_file_open_still_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        replace(&path, "first", 0o600).unwrap();
        let reader = fs::File::open(&path).unwrap();
        replace(&path, "second", 0o600).unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "first");
    }

    #[test]
    fn a_folder_is_not_replaced_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        assert!(replace(folder.path(), "secret", 0o600).is_err());
        fs::write(&target, "of others").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, "secret", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "of others");
    }
}
