//! Who guesses keys: a growing pause for each peer after some failures, during which its guesses are
//! not even looked up. Which key is right lies with the servers.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::digest::Digest;

/// From where a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Of a network address.
    Address(IpAddr),
    /// A user of this host, on the Unix socket.
    User(u32),
}

impl Peer {
    /// One customer of a provider has a whole /64 of IPv6 addresses.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The peers of late. Time is the monotonic clock's.
#[derive(Debug, Default)]
pub struct Guesses {
    peers: Mutex<HashMap<Peer, Record>>,
    /// How many have failed of late: mostly none, and then nobody looks further.
    failing: AtomicUsize,
}

#[derive(Debug, Default)]
struct Record {
    failures: u32,
    paused_until: Duration,
    touched: Duration,
    /// Keys that this peer has used: they go on working while a neighbour behind its address guesses.
    known: VecDeque<Digest>,
}

impl Guesses {
    /// How long this peer must wait before such a key is looked at.
    #[must_use]
    pub fn pause(&self, peer: Peer, digest: &Digest, now: Duration) -> Option<Duration> {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let peers = self.peers();
        let record = peers.get(&peer)?;
        let left = record.paused_until.saturating_sub(now);
        (!left.is_zero() && !record.known.contains(digest)).then_some(left)
    }

    /// A key of this peer was wrong.
    pub fn failed(&self, peer: Peer, now: Duration) {
        let mut peers = self.peers();
        let record = touched(&mut peers, peer, now);
        record.failures = record.failures.saturating_add(1);
        record.paused_until = now + pause_after(record.failures);
        self.count(&peers);
    }

    /// A key of this peer was right.
    pub fn succeeded(&self, peer: Peer, digest: Digest, now: Duration) {
        let mut peers = self.peers();
        let record = touched(&mut peers, peer, now);
        if !record.known.contains(&digest) {
            record.known.truncate(KNOWN_KEYS - 1);
            record.known.push_front(digest);
        }
        self.count(&peers);
    }

    fn count(&self, peers: &HashMap<Peer, Record>) {
        let failing = peers.values().filter(|record| record.failures > 0).count();
        self.failing.store(failing, Ordering::Relaxed);
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<Peer, Record>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The peer's record; a long time without any makes it a new one. The oldest gives way when there is
/// no room.
fn touched(peers: &mut HashMap<Peer, Record>, peer: Peer, now: Duration) -> &mut Record {
    if peers.len() >= MOST_PEERS && !peers.contains_key(&peer) {
        let oldest = peers.iter().min_by_key(|(_, record)| record.touched).map(|(peer, _)| *peer);
        oldest.map(|oldest| peers.remove(&oldest));
    }
    let record = peers.entry(peer).or_default();
    if now.saturating_sub(record.touched) > FORGOTTEN_AFTER {
        record.failures = 0;
    }
    record.touched = now;
    record
}

fn pause_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None | Some(0) => Duration::ZERO,
        Some(more) => FIRST_PAUSE.saturating_mul(1 << more.min(16)).min(LONGEST_PAUSE),
    }
}

/// A wrong key in somebody's configuration is tried a few times before it is mended.
const FREE_FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Two guesses a minute; who mends a key behind the same address waits no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Some 100 bytes each, whoever calls.
const MOST_PEERS: usize = 4096;
/// The services of one host, or behind one address.
const KNOWN_KEYS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(last: u8) -> Peer {
        Peer::of([192, 0, 2, last].into())
    }

    #[test]
    fn pauses_grow_to_a_bound_and_are_forgotten() {
        let (guesses, guess) = (Guesses::default(), Digest::of("guess"));
        let mut now = SECOND;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            guesses.failed(peer(1), now);
            let pause = guesses.pause(peer(1), &guess, now).unwrap_or_default();
            pauses.push(pause);
            now += pause;
            assert_eq!(guesses.pause(peer(1), &guess, now), None);
        }
        assert_eq!(pauses[..5], [Duration::ZERO; 5]);
        assert!(pauses[5..].windows(2).all(|two| two[0] < two[1] || two[1] == LONGEST_PAUSE));
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        guesses.failed(peer(1), now + FORGOTTEN_AFTER + SECOND);
        assert_eq!(guesses.pause(peer(1), &guess, now + FORGOTTEN_AFTER + SECOND), None);
    }

    #[test]
    fn who_guesses_pauses_neither_others_nor_the_keys_that_it_has_used() {
        let (guesses, known) = (Guesses::default(), Digest::of("known"));
        guesses.succeeded(peer(1), known, SECOND);
        (0..10).for_each(|_| guesses.failed(peer(1), SECOND));
        assert!(guesses.pause(peer(1), &Digest::of("guess"), SECOND).is_some());
        assert_eq!(guesses.pause(peer(1), &known, SECOND), None);
        assert!(guesses.pause(peer(2), &Digest::of("guess"), SECOND).is_none());
        assert!(guesses.pause(Peer::User(0), &Digest::of("guess"), SECOND).is_none());
    }

    #[test]
    fn many_peers_take_bounded_room() {
        let guesses = Guesses::default();
        for last in 0..10_000_u32 {
            guesses.failed(Peer::User(last), SECOND + Duration::from_millis(last.into()));
        }
        assert_eq!(guesses.peers().len(), MOST_PEERS);
        (0..10).for_each(|_| guesses.succeeded(peer(1), Digest::of("a"), SECOND));
        (0..100).for_each(|n| guesses.succeeded(peer(1), Digest::of(&n.to_string()), SECOND));
        assert!(guesses.peers().values().all(|record| record.known.len() <= KNOWN_KEYS));
    }

    #[test]
    fn a_network_of_addresses_is_one_peer() {
        let of = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), peer(1));
    }
}
