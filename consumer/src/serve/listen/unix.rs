//! The Unix socket: who connects is known by the kernel, and only some users get an answer at all.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::net::{self, UnixListener};

/// A listening Unix socket and who may come in.
#[derive(Debug)]
pub(in crate::serve) struct Door {
    listener: UnixListener,
    path: PathBuf,
    users: Vec<u32>,
    /// A socket of our own goes with us; systemd's stays.
    is_ours: bool,
}

impl Door {
    /// Makes the socket; one that a dead process has left gives way.
    pub(super) fn open(path: &Path, users: &[u32]) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
        match UnixStream::connect(path) {
            Ok(_) => {
                let held = io::Error::new(ErrorKind::AddrInUse, "another process listens there");
                return Err(failed(held));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_socket(path) => {
                fs::remove_file(path).map_err(failed)?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // The kernel lets in who may write the file; who may ask is judged for each connection.
        let mode = if users.is_empty() { 0o600 } else { 0o666 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
        let mut door = Self::new(listener, users);
        door.is_ours = true;
        Ok(door)
    }

    /// A socket that somebody else has made.
    pub(super) fn new(listener: UnixListener, users: &[u32]) -> Self {
        let address = listener.local_addr().ok();
        let path = address.and_then(|address| address.as_pathname().map(Path::to_owned));
        let own = rustix::process::geteuid().as_raw();
        let users = users.iter().copied().chain([own, ROOT]).collect();
        Self { listener, path: path.unwrap_or_default(), users, is_ours: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection and its user; `None` for a user who may not ask.
    pub(in crate::serve) async fn accept(&self) -> io::Result<Option<(net::UnixStream, u32)>> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred()?.uid();
        Ok(self.users.contains(&user).then_some((stream, user)))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.is_ours {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

const ROOT: u32 = 0;
