//! TLS: the certificate and key of two files, and again when these change.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokenkeeper_shared::exit::{Exit, Failure};
use tokio_rustls::TlsAcceptor;

use crate::serve::keys_file::Stamp;

/// Where certificate (with its chain) and key lie, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    /// By what a change of the files is seen.
    pub(in crate::serve) fn stamp(&self) -> [Option<Stamp>; 2] {
        [Stamp::of(&self.certificate), Stamp::of(&self.key)]
    }
}

/// What new connections are greeted with.
#[derive(Debug)]
pub(in crate::serve) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub(in crate::serve) fn of(files: TlsFiles) -> Result<Self, Failure> {
        let config = RwLock::new(Arc::new(read(&files)?));
        Ok(Self { files, config })
    }

    pub(in crate::serve) fn acceptor(&self) -> TlsAcceptor {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }

    /// Reads the files again; what was in force stays where they cannot be used.
    pub(in crate::serve) fn renew(&self) -> Result<(), Failure> {
        let config = Arc::new(read(&self.files)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

fn read(files: &TlsFiles) -> Result<ServerConfig, Failure> {
    let (certificate, key) = (&files.certificate, &files.key);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, &error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "it holds no certificate in PEM"));
    }
    let metadata = fs::metadata(key).map_err(|error| wrong(key, &error.to_string()))?;
    if metadata.permissions().mode() & 0o007 != 0 {
        let advice = format!("everybody can read this key: run `chmod 600 {}`", key.display());
        return Err(wrong(key, &advice));
    }
    // The error's own text may repeat a line of the file.
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|_| wrong(key, "it holds no private key in PEM"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| wrong(certificate, &format!("with {}: {error}", key.display())))?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn wrong(path: &Path, message: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {message}", path.display()))
}

/// HTTP/2 in the TLS handshake (RFC 9113, 3.2).
pub(in crate::serve) const H2: &[u8] = b"h2";
