//! Proxy variables: a provider on this machine is never asked through one, any other always is.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    thread,
};

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, on_each},
    stage::Stage,
};
use crate::harness::keeper::free_port;

#[test]
fn a_proxy_is_never_asked_for_loopback() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    on_each(|kind| {
        let Stage { sandbox, database: _database, host } =
            Stage::tutorials(kind, Settings::default());
        let host = VARIABLES.iter().fold(host, |host, name| host.with(name, &nobody));
        host.work(0, &["run"]);
        assert!(sandbox.is_active(&host.get("quartile")));
        host.work(0, &["refresh", "quartile", "--force"]);
        assert_eq!(sandbox.counts().exchanges, 2);
    });
}

#[test]
fn a_proxy_is_asked_for_every_other_host() {
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (connection, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).unwrap();
        line
    });
    let host = Host::new().with("HTTPS_PROXY", address).with("SECRET", "secret");
    host.configure(
        "[tokens.far]\nprovider = \"oauth2\"\ntoken_url = \"https://provider.invalid/token\"\n\
         grant = \"client_credentials\"\nclient_id = \"a\"\nclient_secret = { env = \"SECRET\" }\n",
    );
    host.work(5, &["run"]);
    let line = asked.join().unwrap();
    assert!(line.starts_with("CONNECT provider.invalid:443 "), "{line}");
}

const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
