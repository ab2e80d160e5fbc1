//! `key new` and `key consumer`.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use tokenkeeper_shared::{
    exit::{Exit, Failure},
    seal::key::Keyring,
    secret::Secret,
    settings::{Environment, KeySetting, Settings},
};

use super::{context::private_folder, output};

pub(super) fn new(file: Option<&Path>) -> Result<Exit, Failure> {
    deliver(&Keyring::new_worker_key(), file)
}

pub(super) fn consumer(
    environment: &Environment,
    config: Option<PathBuf>,
    file: Option<&Path>,
) -> Result<Exit, Failure> {
    match Settings::load(environment, config)?.key {
        KeySetting::Given(ring) => deliver(&ring.consumer_key_text(), file),
        KeySetting::Off => Err(Failure::new(
            Exit::Usage,
            "sealing is off: there is no key to derive from",
        )),
        KeySetting::Missing { .. } => Err(Failure::new(
            Exit::Usage,
            "there is no key to derive from: make one with `tokenkeeper-worker key new`, or set TOKENKEEPER_KEY_FILE",
        )),
    }
}

/// A key is the one secret that these verbs are asked for: to a private file, or to stdout.
fn deliver(key: &Secret, file: Option<&Path>) -> Result<Exit, Failure> {
    match file {
        None => output::line(key.expose())?,
        Some(path) if write_private(path, key)? => {
            output::note(&format!("wrote {} (keep a copy)", path.display()));
        }
        Some(path) => {
            let message = format!(
                "{} exists: a key is never overwritten, name another file",
                path.display()
            );
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(Exit::Ok)
}

/// Writes a file that nobody else can read and that appears whole. `false` when it exists: several
/// first starts at once agree on one key, because only one of them links its file into place.
pub(super) fn write_private(path: &Path, text: &Secret) -> Result<bool, Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        private_folder(folder)?;
    }
    let failed =
        |error: std::io::Error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
    let draft = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed)?;
    let linked = writeln!(written, "{}", text.expose())
        .and_then(|()| written.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).map_err(failed)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
