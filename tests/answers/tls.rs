//! Certificates: only a chain to a trusted authority, with the right name and in its time, hears a
//! request (P12).

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_worker::{
    http::Http,
    outcome::{Class, Outcome},
    provider::{Step, oauth2::ClientAuth},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    ground::{class, env, environment, failure, file, install_crypto, judged, oauth2_with},
    raw::{Raw, Then},
};

/// An authority of our own, and the directory in which its certificate lies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: tempfile::TempDir,
    certificate: PathBuf,
}

impl Authority {
    fn new() -> Self {
        install_crypto();
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        let certificate = file(&directory, "ca.pem", &certificate.pem());
        Self { issuer: Issuer::new(params, key), directory, certificate }
    }

    /// A server certificate for this name, valid until this year.
    fn issue(&self, name: &str, last_year: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2015, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        server_config(certificate.der().clone(), &key)
    }
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).expect("a usable certificate"))
}

/// A provider behind TLS; what it heard of requests comes out of the channel.
async fn serve(config: Arc<ServerConfig>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a local address");
    let (sender, receiver) = mpsc::unbounded_channel();
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap_or(0);
            if length > 0
                && sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err()
            {
                return;
            }
            // The client may have gone; then nobody misses the answer.
            let _ = stream.write_all(ANSWER.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://{address}/token"), receiver)
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\
    connection: close\r\n\r\n{\"access_token\":\"access-1\"} ";

async fn refresh(url: &str, ca_file: Option<PathBuf>) -> Outcome {
    let provider = oauth2_with(url, ClientAuth::Basic, env("SECRET"), ca_file);
    let step = Step::Refresh(Secret::new("canary-refresh"));
    judged(&Http::default(), &provider, &step, &environment()).await
}

/// Nothing was sent, and the message has these words.
async fn refused(url: &str, ca_file: Option<PathBuf>, words: &str) {
    refused_as(Class::NotSent, url, ca_file, words).await;
}

async fn refused_as(class: Class, url: &str, ca_file: Option<PathBuf>, words: &str) {
    let failed = failure(refresh(url, ca_file).await);
    assert_eq!(failed.class, class, "{}", failed.message);
    assert!(failed.message.to_lowercase().contains(words), "{}", failed.message);
}

#[tokio::test]
async fn an_authority_of_the_users_own_is_trusted_when_its_file_is_named() {
    let authority = Authority::new();
    let (url, mut heard) = serve(authority.issue("127.0.0.1", 2099)).await;
    let outcome = refresh(&url, Some(authority.certificate.clone())).await;
    assert_eq!(class(&outcome), "ok", "{outcome:?}");
    let request = heard.try_recv().unwrap();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("canary-refresh"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_hears_nothing() {
    let authority = Authority::new();
    let (url, mut heard) = serve(authority.issue("127.0.0.1", 2099)).await;
    refused(&url, None, "certificate").await;
    let stranger = Authority::new();
    refused(&url, Some(stranger.certificate.clone()), "certificate").await;
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_only_where_it_is_named() {
    install_crypto();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (url, mut heard) = serve(server_config(certificate.der().clone(), &key)).await;
    refused(&url, None, "certificate").await;
    assert!(heard.try_recv().is_err());
    let directory = tempfile::tempdir().unwrap();
    let named = file(&directory, "self.pem", &certificate.pem());
    assert_eq!(class(&refresh(&url, Some(named)).await), "ok");
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_another_time_hears_nothing() {
    let authority = Authority::new();
    for (name, last_year, words) in [
        ("elsewhere.test", 2099, "not valid for name"),
        ("127.0.0.2", 2099, "not valid for name"),
        ("127.0.0.1", 2020, "expired"),
    ] {
        let (url, mut heard) = serve(authority.issue(name, last_year)).await;
        refused(&url, Some(authority.certificate.clone()), words).await;
        assert!(heard.try_recv().is_err(), "{name} {last_year}");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_authority_is_told_and_nothing_is_sent() {
    let authority = Authority::new();
    let (url, mut heard) = serve(authority.issue("127.0.0.1", 2099)).await;
    let missing = authority.directory.path().join("missing.pem");
    refused_as(Class::Configuration, &url, Some(missing), "missing.pem: it cannot be read").await;
    for (name, text) in [("empty.pem", ""), ("words.pem", "canary"), ("key.pem", KEY)] {
        let path = file(&authority.directory, name, text);
        refused_as(
            Class::Configuration,
            &url,
            Some(path),
            &format!("{name}: it holds no pem certificate"),
        )
        .await;
    }
    let damaged = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
    let path = file(&authority.directory, "damaged.pem", damaged);
    refused_as(Class::Configuration, &url, Some(path), "").await;
    assert!(heard.try_recv().is_err());
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n";

#[tokio::test]
async fn a_server_without_tls_or_with_an_old_one_hears_no_request() {
    install_crypto();
    // A ServerHello of TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA.
    let mut old = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    old.extend([7; 32]);
    old.extend([0, 0, 0x2f, 0]);
    let alert = vec![21, 3, 3, 0, 2, 2, 40];
    for bytes in [b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), old, alert, Vec::new()] {
        let server = Raw::answering(bytes, Then::Close).await;
        refused(&format!("https://{}/token", server.address), None, "cannot be reached").await;
        let heard = server.heard();
        assert!(!heard.contains("POST") && !heard.contains("canary"), "{heard}");
    }
}
