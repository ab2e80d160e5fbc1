//! A TCP proxy on loopback that breaks connections as networks do, when a test tells it to. What is
//! spoken through it is not known here.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::keeper::free_port;

/// A proxy before one server; it ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
}

struct State {
    target: SocketAddr,
    listener: Option<TcpListener>,
    open: Vec<Weak<Line>>,
    faults: Faults,
    eaten: usize,
}

/// What is done to the bytes; by default nothing.
#[derive(Default)]
struct Faults {
    delays: (Duration, Duration),
    eats: bool,
    eats_reply_to: Option<Vec<u8>>,
    replies_left: Option<usize>,
}

/// A client's connection and the one to the server.
struct Line {
    client: TcpStream,
    server: TcpStream,
    is_eaten: AtomicBool,
}

impl Proxy {
    /// A proxy that passes everything on.
    pub fn start(target: SocketAddr) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (faults, open) = (Faults::default(), Vec::new());
        let state = State { target, listener: Some(listen(address)), open, faults, eaten: 0 };
        let shared = Arc::new(Mutex::new(state));
        let accepting = Arc::downgrade(&shared);
        spawn(move || accept(&accepting));
        Self { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL with this proxy in the place of its server.
    pub fn in_url(&self, url: &str) -> String {
        let target = self.state().target.to_string();
        assert!(url.contains(&target), "{url} does not lead to {target}");
        url.replace(&target, &self.address.to_string())
    }

    /// Ends every fault.
    pub fn pass(&self) {
        let mut state = self.state();
        state.faults = Faults::default();
        state.listener.get_or_insert_with(|| listen(self.address));
    }

    /// Cuts all connections now.
    pub fn cut(&self) {
        for line in self.state().open.drain(..).filter_map(|line| line.upgrade()) {
            line.cut();
        }
    }

    /// Nothing listens until `pass`; open connections live on.
    pub fn refuse(&self) {
        self.state().listener = None;
    }

    /// Holds back what clients and what the server sends, each by so long.
    pub fn delay(&self, requests: Duration, replies: Duration) {
        self.state().faults.delays = (requests, replies);
    }

    /// The server gets what is sent, its replies are swallowed, and then the connection is cut.
    pub fn eat_replies(&self) {
        self.state().faults.eats = true;
    }

    /// The same, once, for the next request that holds these bytes in one piece.
    pub fn eat_reply_to(&self, bytes: &str) {
        self.state().faults.eats_reply_to = Some(bytes.into());
    }

    /// Lets so many bytes of replies through from now on, and cuts the connection of the next one.
    pub fn cut_after_replies(&self, bytes: usize) {
        self.state().faults.replies_left = Some(bytes);
    }

    /// How many replies have been swallowed.
    pub fn eaten(&self) -> usize {
        self.state().eaten
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl State {
    /// How long to hold a request back.
    fn before_request(&mut self, line: &Line, request: &[u8]) -> Duration {
        let holds = |bytes: &Vec<u8>| request.windows(bytes.len()).any(|part| part == bytes);
        if self.faults.eats_reply_to.take_if(|bytes| holds(bytes)).is_some() {
            line.is_eaten.store(true, Ordering::Relaxed);
        }
        self.faults.delays.0
    }

    /// How long to hold a reply back, and how much of it comes through.
    fn before_reply(&mut self, line: &Line, length: usize) -> (Duration, usize) {
        if self.faults.eats || line.is_eaten.load(Ordering::Relaxed) {
            self.eaten += 1;
            return (Duration::ZERO, 0);
        }
        let left = self.faults.replies_left;
        let passing = left.map_or(length, |left| left.min(length));
        let whole = left.filter(|_| passing == length);
        self.faults.replies_left = whole.map(|left| left - passing);
        (self.faults.delays.1, passing)
    }
}

impl Line {
    fn cut(&self) {
        // The other side may have closed it already.
        let _ = (self.client.shutdown(Shutdown::Both), self.server.shutdown(Shutdown::Both));
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).expect("the port is free");
    listener.set_nonblocking(true).expect("a listener may be asked without waiting");
    listener
}

/// Takes connections until the proxy is gone. It asks again and again, so that a listener which is
/// closed is closed at once, and not when its next client comes.
fn accept(shared: &Weak<Mutex<State>>) {
    while let Some(shared) = shared.upgrade() {
        let mut state = lock(&shared);
        let came = state.listener.as_ref().and_then(|listener| listener.accept().ok());
        if let Some(line) = came.and_then(|(client, _)| connected(client, state.target)) {
            state.open.retain(|line| line.strong_count() > 0);
            state.open.push(Arc::downgrade(&line));
            carry(&shared, &line);
        }
        drop(state);
        sleep(PAUSE);
    }
}

/// A client of a server that is not there is dropped.
fn connected(client: TcpStream, target: SocketAddr) -> Option<Arc<Line>> {
    let server = TcpStream::connect(target).ok()?;
    client.set_nonblocking(false).ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    Some(Arc::new(Line { client, server, is_eaten: AtomicBool::new(false) }))
}

fn carry(shared: &Arc<Mutex<State>>, line: &Arc<Line>) {
    let (state, there) = (Arc::downgrade(shared), line.clone());
    spawn(move || {
        let judge = |bytes: &[u8]| {
            let delay = lock(&*state.upgrade()?).before_request(&there, bytes);
            Some((delay, bytes.len()))
        };
        pump(&there.client, &there.server, judge);
        there.cut();
    });
    let (state, back) = (Arc::downgrade(shared), line.clone());
    spawn(move || {
        let judge = |bytes: &[u8]| Some(lock(&*state.upgrade()?).before_reply(&back, bytes.len()));
        pump(&back.server, &back.client, judge);
        back.cut();
    });
}

/// Carries bytes one way until an end, or until not all of them come through.
fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    judge: impl Fn(&[u8]) -> Option<(Duration, usize)>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let Some((delay, passing)) = judge(&buffer[..length]) else { return };
        sleep(delay);
        if to.write_all(&buffer[..passing]).is_err() || passing < length {
            return;
        }
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

// Short beside what goes through a proxy.
const PAUSE: Duration = Duration::from_millis(2);
