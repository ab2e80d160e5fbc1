//! Who may ask: one right key in one `Authorization` header, and nothing told about a wrong one.
//! Who guesses is slowed down in `tokenkeeper_shared::http::guesses`.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;
use tokenkeeper_shared::{
    clock::{Clock, SystemClock},
    http::{
        digest::Digest,
        guesses::{Guesses, Peer},
    },
    secret::Secret,
};

use super::keys::{Key, Keys};

/// The other end of a connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: Peer,
    /// The address of ours that it has reached, on TCP.
    pub(super) local: Option<IpAddr>,
    /// A key that was right on this connection.
    trusted: OnceLock<Trusted>,
    /// A `Host` that was right on this connection.
    pub(super) host: OnceLock<HeaderValue>,
}

/// Kept so that a connection's next request need not be hashed: that would cost as much as the rest
/// of its judgement.
#[derive(Debug)]
struct Trusted {
    text: Secret,
    digest: Digest,
}

impl Client {
    pub(super) fn new(peer: Peer, local: Option<IpAddr>) -> Self {
        Self { peer, local, trusted: OnceLock::new(), host: OnceLock::new() }
    }

    /// The digest of a key that was right here before. Behind a proxy callers share a connection, so
    /// the comparison must not tell by its time how near a guess came.
    fn trusted(&self, text: &str) -> Option<Digest> {
        let trusted = self.trusted.get()?;
        let is_same = trusted.text.expose().as_bytes().ct_eq(text.as_bytes());
        bool::from(is_same).then_some(trusted.digest)
    }
}

/// Whose request it is, for the routes.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) client: Arc<Client>,
    /// Behind a proxy not the connection's.
    pub(super) peer: Peer,
    /// `None` on the routes that judge by themselves or need no key.
    pub(super) key: Option<Arc<Key>>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// No key, two, or a wrong one: which of them is nobody's business.
    Unknown,
    /// After many wrong ones: this one was not looked at.
    Paused(Duration),
}

/// The keys in force, and the peers that guess.
#[derive(Debug)]
pub(super) struct Access {
    keys: RwLock<Arc<Keys>>,
    guesses: Guesses,
    clock: SystemClock,
}

impl Access {
    pub(super) fn new(keys: Keys) -> Self {
        let keys = RwLock::new(Arc::new(keys));
        Self { keys, guesses: Guesses::default(), clock: SystemClock::new() }
    }

    /// Puts other keys in force.
    pub(super) fn replace(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    pub(super) fn judge(
        &self,
        text: &str,
        client: &Client,
        peer: Peer,
    ) -> Result<Arc<Key>, Denied> {
        let trusted = client.trusted(text);
        let digest = trusted.unwrap_or_else(|| Digest::of(text));
        if trusted.is_none()
            && let Some(pause) = self.guesses.pause(peer, &digest, self.clock.monotonic())
        {
            return Err(Denied::Paused(pause));
        }
        let found = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.find(&digest).cloned()
        };
        let Some(key) = found else {
            self.guesses.failed(peer, self.clock.monotonic());
            return Err(Denied::Unknown);
        };
        if trusted.is_none() {
            self.guesses.succeeded(peer, digest, self.clock.monotonic());
            // The first key of a connection is the only one of nearly all.
            let _ = client.trusted.set(Trusted { text: Secret::new(text), digest });
        }
        Ok(key)
    }
}

/// Whose request a proxy passes on: it appends the address that it has seen, so only the last counts.
pub(super) fn forwarded_peer(headers: &HeaderMap) -> Option<Peer> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let address = last.to_str().ok()?.rsplit(',').next()?.trim();
    address.parse().ok().map(Peer::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::keys::Word;

    #[test]
    fn a_connection_that_has_brought_a_right_key_does_not_keep_it_in_force() {
        let key = Key {
            label: "ci".parse().unwrap(),
            tokens: ["*".parse::<Word>().unwrap()].into_iter().collect(),
            may_report: false,
        };
        let mut keys = Keys::default();
        keys.add(Digest::of("right"), key);
        let (access, client) = (Access::new(keys), Client::new(Peer::User(0), None));
        for _ in 0..2 {
            assert!(access.judge("right", &client, client.peer).is_ok());
            assert!(access.judge("wrong", &client, client.peer).is_err());
        }
        access.replace(Keys::default());
        assert_eq!(access.judge("right", &client, client.peer), Err(Denied::Unknown));
    }

    #[test]
    fn the_address_that_the_proxy_has_appended_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded_peer(&headers), None);
        headers.append("x-forwarded-for", "192.0.2.1, 192.0.2.2".parse().unwrap());
        assert_eq!(forwarded_peer(&headers), Some(Peer::of([192, 0, 2, 2].into())));
        headers.append("x-forwarded-for", "192.0.2.3".parse().unwrap());
        assert_eq!(forwarded_peer(&headers), Some(Peer::of([192, 0, 2, 3].into())));
        headers.append("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(forwarded_peer(&headers), None);
    }
}
