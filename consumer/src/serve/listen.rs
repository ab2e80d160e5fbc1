//! Where the server listens: addresses, Unix sockets, and sockets that systemd has opened.

mod tls;
mod unix;

use std::{
    io,
    net::{self, IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use listenfd::ListenFd;
use tokenkeeper_shared::exit::{Exit, Failure};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

pub(crate) use self::tls::TlsFiles;
pub(super) use self::tls::{H2, Tls};
use self::unix::Door;

/// Where to listen, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    /// `unix:/run/tokenkeeper.sock`
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err("write the whole path: unix:/run/tokenkeeper.sock".to_owned())
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "write an address with its port, as 127.0.0.1:8065, or unix:/PATH".to_owned()
        })
    }
}

/// An open socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(Door),
}

/// A connection that has come.
pub(super) enum Arrival {
    Tcp(TcpStream),
    /// With the user at its other end.
    Unix(UnixStream, u32),
}

/// Opens the sockets; those that systemd has opened take the place of all addresses.
pub(super) fn open(addresses: &[Address], users: &[u32]) -> Result<Vec<Listener>, Failure> {
    let mut passed = ListenFd::from_env();
    if passed.len() > 0 {
        return (0..passed.len()).map(|index| adopt(&mut passed, index, users)).collect();
    }
    addresses.iter().map(|address| bind(address, users)).collect()
}

fn bind(address: &Address, users: &[u32]) -> Result<Listener, Failure> {
    match address {
        Address::Tcp(address) => {
            let listener = net::TcpListener::bind(address).map_err(|error| {
                Failure::new(Exit::Usage, format!("cannot listen on {address}: {error}"))
            })?;
            tcp(listener)
        }
        Address::Unix(path) => Ok(Listener::Unix(Door::open(path, users)?)),
    }
}

fn adopt(passed: &mut ListenFd, index: usize, users: &[u32]) -> Result<Listener, Failure> {
    // The file descriptor is neither kind, or none: it stays for the other try.
    if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
        return tcp(listener);
    }
    match passed.take_unix_listener(index) {
        Ok(Some(listener)) => {
            listener.set_nonblocking(true).map_err(|error| unusable(&error))?;
            let listener = UnixListener::from_std(listener).map_err(|error| unusable(&error))?;
            Ok(Listener::Unix(Door::new(listener, users)))
        }
        Ok(None) => Err(Failure::new(Exit::Usage, "LISTEN_FDS counts sockets that are not there")),
        Err(error) => Err(unusable(&error)),
    }
}

fn tcp(listener: net::TcpListener) -> Result<Listener, Failure> {
    listener.set_nonblocking(true).map_err(|error| unusable(&error))?;
    TcpListener::from_std(listener).map(Listener::Tcp).map_err(|error| unusable(&error))
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("a socket cannot be used: {error}"))
}

impl Listener {
    /// The next connection; `None` for one that may not come in.
    pub(super) async fn accept(&self) -> io::Result<Option<Arrival>> {
        match self {
            Self::Tcp(listener) => Ok(Some(Arrival::Tcp(listener.accept().await?.0))),
            Self::Unix(door) => {
                let accepted = door.accept().await?;
                Ok(accepted.map(|(stream, user)| Arrival::Unix(stream, user)))
            }
        }
    }

    /// Whether other hosts can reach it.
    pub(super) fn is_public(&self) -> bool {
        self.ip().is_some_and(|ip| !ip.to_canonical().is_loopback())
    }

    fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// The address as people and clients write it.
    pub(super) fn shown(&self, is_tls: bool) -> String {
        match self {
            Self::Tcp(listener) => {
                let scheme = if is_tls { "https" } else { "http" };
                let address = listener.local_addr().map(|address| address.to_string());
                format!("{scheme}://{}", address.unwrap_or_default())
            }
            Self::Unix(door) => format!("unix:{}", door.path().display()),
        }
    }
}

/// The well-known way to talk to this service on one host.
pub(crate) const USUAL: &str = "127.0.0.1:8065";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!(USUAL.parse(), Ok(Address::Tcp(([127, 0, 0, 1], 8065).into())));
        assert_eq!("unix:/run/a".parse(), Ok(Address::Unix("/run/a".into())));
        assert!("[::1]:80".parse::<Address>().is_ok());
        for bad in ["", "8065", ":8065", "localhost", "127.0.0.1", "unix:", "unix:a", "/run/a"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
