//! The proxy breaks connections in the way that it was told, and no other.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::Duration;

use crate::harness::proxy::Proxy;
use crate::harness::wait::{stopwatch, until};

/// A server that says everything again and remembers it.
struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let heard = Arc::new(Mutex::new(String::new()));
        let hearing = heard.clone();
        spawn(move || {
            for client in listener.incoming().flatten() {
                let hearing = hearing.clone();
                spawn(move || answer(client, &hearing));
            }
        });
        Self { address, heard }
    }

    fn has_heard(&self, words: &str) -> bool {
        let heard = || self.heard.lock().expect("it does not panic").contains(words).then_some(());
        until(LIMIT, heard).is_some()
    }
}

fn answer(mut client: TcpStream, heard: &Mutex<String>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let words = String::from_utf8_lossy(&buffer[..length]);
        heard.lock().expect("it does not panic").push_str(&words);
        if client.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

/// A client's connection through the proxy.
struct Client(TcpStream);

impl Client {
    fn of(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout above zero");
        Self(stream)
    }

    /// What comes back until all of it has, or until the connection ends.
    fn say(&mut self, words: &str) -> String {
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        if self.0.write_all(words.as_bytes()).is_err() {
            return String::new();
        }
        while answer.len() < words.len() {
            match self.0.read(&mut buffer) {
                Ok(length @ 1..) => answer.extend_from_slice(&buffer[..length]),
                Ok(0) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("it neither answers nor ends: {error}"),
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn a_proxy_passes_everything_on() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let (mut first, mut second) = (Client::of(&proxy), Client::of(&proxy));
    for words in ["one", "two", &"many ".repeat(150)] {
        assert_eq!((first.say(words), second.say(words)), (words.to_owned(), words.to_owned()));
    }
}

#[test]
fn a_proxy_cuts_what_is_open_and_takes_new_connections() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let mut client = Client::of(&proxy);
    assert_eq!(client.say("one"), "one");
    proxy.cut();
    assert_eq!(client.say("two"), "");
    assert_eq!(Client::of(&proxy).say("three"), "three");
}

#[test]
fn a_proxy_refuses_new_connections_until_it_passes_again() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let mut client = Client::of(&proxy);
    assert_eq!(client.say("one"), "one");
    proxy.refuse();
    let refused = TcpStream::connect(proxy.address()).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(client.say("two"), "two");
    proxy.pass();
    assert_eq!(Client::of(&proxy).say("three"), "three");
}

#[test]
fn a_proxy_holds_back_what_each_side_sends() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let mut client = Client::of(&proxy);
    proxy.delay(Duration::from_millis(40), Duration::from_millis(30));
    let began = stopwatch();
    assert_eq!(client.say("one"), "one");
    assert!(began.elapsed() >= Duration::from_millis(70));
}

#[test]
fn a_proxy_eats_the_reply_to_what_the_server_has_heard() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let (mut client, mut other) = (Client::of(&proxy), Client::of(&proxy));
    proxy.eat_reply_to("commit");
    assert_eq!(client.say("begin"), "begin");
    assert_eq!(client.say("and commit this"), "");
    assert!(echo.has_heard("and commit this"));
    assert_eq!(other.say("commit"), "commit", "once is enough");
    proxy.eat_replies();
    assert_eq!(other.say("another"), "");
    assert!(echo.has_heard("another"));
    assert_eq!(proxy.eaten(), 2);
}

#[test]
fn a_proxy_cuts_in_the_middle_of_a_reply() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    proxy.cut_after_replies(5);
    let mut client = Client::of(&proxy);
    assert_eq!(client.say("one"), "one");
    assert_eq!(client.say("three"), "th");
    assert_eq!(Client::of(&proxy).say("four"), "four");
}

const LIMIT: Duration = Duration::from_secs(20);
