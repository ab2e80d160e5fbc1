//! TLS: both versions of HTTP, certificates that change, and HTTP/2 at its worst.

use std::{fs, io::Write, net::TcpStream, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::{
    http::{Answer, request, rest_of},
    stage::{Server, Stage, bearer, path},
};
use crate::harness::wait;

#[test]
fn tls_speaks_both_versions_of_http_and_follows_its_certificate() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let first = certificate(&stage);
    let server = stage.serve(&tls(&stage).each_ref().map(String::as_str));
    let mut stream = greet(&server, &first, &[b"http/1.1"]).unwrap();
    let text = request("GET", "/v1/tokens/edfi", &[("Authorization", &bearer(&key))], "");
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(Answer::all(&rest_of(&mut stream))[0].status, 200);
    let stream = greet(&server, &first, &[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (status, body) = runtime.block_on(over_http2(&server, &first, &key));
    assert_eq!(status, 200);
    assert!(body.contains("access-edfi-1"), "{body}");
    let second = certificate(&stage);
    wait::until(LIMIT, || greet(&server, &second, &[b"http/1.1"])).expect("the new certificate");
    fs::write(stage.path("tls.key"), "nonsense").unwrap();
    wait::until(Duration::from_secs(3), || None::<()>);
    assert!(greet(&server, &second, &[b"http/1.1"]).is_some(), "what was in force stays");
    // Clear text gets no answer that means anything.
    let mut plain = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    plain.write_all(text.as_bytes()).unwrap();
    assert!(!String::from_utf8_lossy(&rest_of(&mut plain)).contains("HTTP/1.1 200"));
    let told = server.stop();
    assert!(told.stderr.contains("the certificate is as before"), "{told:?}");
}

#[test]
fn streams_that_are_only_opened_to_be_reset_end_the_connection() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let authority = certificate(&stage);
    let server = stage.serve(&tls(&stage).each_ref().map(String::as_str));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = runtime.block_on(async {
        let (sender, connection) = handshake(&server, &authority).await;
        let connection = tokio::spawn(connection);
        let mut sent = 0;
        while sent < 10_000 {
            let Ok(mut ready) = sender.clone().ready().await else { break };
            let Ok((_, mut stream)) = ready.send_request(get(&key), true) else { break };
            stream.send_reset(h2::Reason::CANCEL);
            sent += 1;
            tokio::task::yield_now().await;
        }
        drop(sender);
        assert!(connection.await.unwrap().is_err() || sent == 10_000);
        sent
    });
    assert!(sent < 10_000, "the server has put up with all of them");
    let (status, _) = runtime.block_on(over_http2(&server, &authority, &key));
    assert_eq!(status, 200, "it still serves");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let stage = Stage::with_token();
    certificate(&stage);
    let arguments = tls(&stage);
    let (certificate, key) = (stage.path("tls.pem"), stage.path("tls.key"));
    let refused = |told: &str| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let all = [&["serve", "--listen", "127.0.0.1:0"], &*arguments].concat();
        let ended = stage.consumer(&all).run();
        assert_eq!(ended.code, Some(2), "{told}: {ended:?}");
        assert!(ended.stderr.contains(told), "{told}: {ended:?}");
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused("chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "canary").unwrap();
    refused("no private key");
    fs::remove_file(&key).unwrap();
    refused("tls.key");
    fs::write(&certificate, "").unwrap();
    refused("no certificate");
    let alone = stage.consumer(&["serve", "--tls-key", path(&key)]).run();
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

/// Writes a fresh certificate for localhost and its key, and returns the former.
fn certificate(stage: &Stage) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = stage.write("tls.key", &made.signing_key.serialize_pem());
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    stage.write("tls.pem", &made.cert.pem());
    made.cert.pem()
}

fn tls(stage: &Stage) -> [String; 4] {
    let file = |name: &str| path(&stage.path(name)).to_owned();
    ["--tls-certificate".to_owned(), file("tls.pem"), "--tls-key".to_owned(), file("tls.key")]
}

fn trusting(authority: &str, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// `None` where the server shows another certificate.
fn greet(
    server: &Server,
    authority: &str,
    protocols: &[&[u8]],
) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(trusting(authority, protocols), name).unwrap();
    let mut tcp = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    tcp.set_read_timeout(Some(LIMIT)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp).ok()?;
    }
    Some(StreamOwned::new(connection, tcp))
}

type Http2<T> = h2::client::Connection<T, axum::body::Bytes>;
type Tls = tokio_rustls::client::TlsStream<tokio::net::TcpStream>;

async fn handshake(
    server: &Server,
    authority: &str,
) -> (h2::client::SendRequest<axum::body::Bytes>, Http2<Tls>) {
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(trusting(authority, &[b"h2"]));
    h2::client::handshake(connector.connect(name, tcp).await.unwrap()).await.unwrap()
}

fn get(key: &str) -> axum::http::Request<()> {
    axum::http::Request::get("https://localhost/v1/tokens/edfi")
        .header("authorization", bearer(key))
        .body(())
        .unwrap()
}

async fn over_http2(server: &Server, authority: &str, key: &str) -> (u16, String) {
    let (sender, connection) = handshake(server, authority).await;
    tokio::spawn(connection);
    let (answer, _) = sender.ready().await.unwrap().send_request(get(key), true).unwrap();
    let answer = answer.await.unwrap();
    let (status, mut body) = (answer.status().as_u16(), answer.into_body());
    let mut text = String::new();
    while let Some(part) = body.data().await {
        text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
    }
    (status, text)
}

const LIMIT: Duration = Duration::from_secs(20);
