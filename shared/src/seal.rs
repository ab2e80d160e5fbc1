//! Sealing of secret columns: an authenticated cipher, bound to the place a value lies in.
//! Key texts and key derivation lie in `key`; which columns there are lies with the store.

pub mod key;
mod line;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    seal::key::{Half, Keyring},
    secret::Secret,
    token::Stored,
};

/// Where a sealed value lies. It is part of what the seal vouches for, so that a value copied to
/// another row or column does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table's name.
    pub table: &'static str,
    /// The row's name.
    pub row: &'a str,
    /// The column, which also says which half of the key opens it.
    pub column: Column,
}

/// The secret columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Opens with the consumers' half of the key.
    AccessToken,
    /// Opens with the worker's half.
    RefreshToken,
    /// Opens with the worker's half.
    RefreshTokenPrevious,
    /// The provider's whole answer; opens with the worker's half.
    JsonData,
    /// No column of the database, but a line of a worker's journal; opens with the worker's half.
    Line,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::RefreshTokenPrevious => "refresh_token_previous",
            Self::JsonData => "json_data",
            Self::Line => "line",
        }
    }

    fn half(self) -> Half {
        if self == Self::AccessToken { Half::Consumer } else { Half::Worker }
    }
}

/// How this store keeps its secrets.
#[derive(Debug, Clone)]
pub enum Seal {
    /// In clear: an explicit choice, for readers that cannot open a seal.
    Off,
    /// Sealed with the first key of the ring; opened with whichever fits.
    With(Keyring),
}

impl Seal {
    /// Makes of a secret what is to be stored at `place`.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when the key at hand is a consumer's and the column is the worker's.
    pub fn seal(&self, place: Place<'_>, secret: &Secret) -> Result<Stored, SealError> {
        let Self::With(ring) = self else {
            return Ok(Stored(secret.clone()));
        };
        let key = ring.sealing_key(place.column.half()).ok_or(SealError::NotOurs)?;
        let nonce = XNonce::generate();
        let aad = associated_data(place, key.id());
        let payload = Payload { msg: secret.expose().as_bytes(), aad: aad.as_bytes() };
        let sealed = XChaCha20Poly1305::new(key.bytes().into())
            .encrypt(&nonce, payload)
            .map_err(|_| SealError::Broken)?;
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let text = format!("{VERSION}.{}.{}.{}", key.id(), encode(&nonce), encode(&sealed));
        Ok(Stored(Secret::new(text)))
    }

    /// A digest of a secret, by which another one is told from it: keyed, so that nobody can try
    /// guesses against it. Where there is no worker's key it is cut to 16 bits, which say too little to
    /// confirm a guess and miss one change in 65,536.
    #[must_use]
    pub fn digest(&self, label: &str, secret: &Secret) -> String {
        let key = match self {
            Self::With(ring) => ring.sealing_key(Half::Worker),
            Self::Off => None,
        };
        let salt = key.map_or(label.as_bytes(), |key| key.bytes());
        // HKDF's first half is HMAC (RFC 5869, 2.2).
        let message = [label, secret.expose()].join("\0");
        let (digest, _) = Hkdf::<Sha256>::extract(Some(salt), message.as_bytes());
        let length = if key.is_some() { KEYED_DIGEST } else { UNKEYED_DIGEST };
        BASE64_URL_SAFE_NO_PAD.encode(&digest[..length])
    }

    /// Opens what is stored at `place`.
    ///
    /// # Errors
    /// [`SealError`] says why it does not open; other rows are not affected.
    pub fn open(&self, place: Place<'_>, stored: &Stored) -> Result<Secret, SealError> {
        let parts = Parts::of(stored.0.expose());
        match (self, parts) {
            (Self::Off, None) => Ok(stored.0.clone()),
            (Self::Off, Some(parts)) => Err(SealError::Sealed(parts.key_id.to_owned())),
            (Self::With(_), None) => Err(SealError::InClear),
            (Self::With(ring), Some(parts)) => open_with(ring, place, &parts),
        }
    }
}

fn open_with(ring: &Keyring, place: Place<'_>, parts: &Parts<'_>) -> Result<Secret, SealError> {
    let key = ring
        .opening_key(place.column.half(), parts.key_id)
        .ok_or_else(|| SealError::UnknownKey(parts.key_id.to_owned()))?;
    let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Broken);
    let nonce: [u8; 24] = decode(parts.nonce)?.try_into().map_err(|_| SealError::Broken)?;
    let (sealed, aad) = (decode(parts.sealed)?, associated_data(place, key.id()));
    let opened = XChaCha20Poly1305::new(key.bytes().into())
        .decrypt(&nonce.into(), Payload { msg: &sealed, aad: aad.as_bytes() })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Broken)?;
    let text = std::str::from_utf8(&opened).map_err(|_| SealError::Broken)?;
    Ok(Secret::new(text))
}

/// NUL cannot occur in any of the parts, so no two places share one text.
fn associated_data(place: Place<'_>, key_id: &str) -> String {
    [VERSION, key_id, place.table, place.row, place.column.name()].join("\0")
}

/// A sealed text taken apart.
struct Parts<'a> {
    key_id: &'a str,
    nonce: &'a str,
    sealed: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` for a text that is not in the sealed form. The lengths and the id's digits are checked
    /// too: a clear token that happens to begin with `v1.` must not be taken for a sealed one, whose
    /// key's id is shown.
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let (version, key_id) = (parts.next()?, parts.next()?);
        let (nonce, sealed) = (parts.next()?, parts.next()?);
        let is_id = key_id.len() == key::ID_LENGTH && key_id.bytes().all(is_hexadecimal);
        let shaped = version == VERSION && is_id && nonce.len() == 32;
        (shaped && parts.next().is_none()).then_some(Self { key_id, nonce, sealed })
    }
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Why a value cannot be sealed or opened. The texts name keys by their public id only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The value was sealed with a key that is not at hand.
    #[error("it is sealed with key {0}, which is not the key given here")]
    UnknownKey(String),
    /// A sealed value, and no key at all.
    #[error("it is sealed with key {0} and no key is given here: set TOKENKEEPER_KEY_FILE")]
    Sealed(String),
    /// A clear value where sealed ones are expected.
    #[error(
        "it lies in clear although a key is given here: `tokenkeeper-worker refresh NAME --force` logs in anew and seals what comes; or set seal = \"off\""
    )]
    InClear,
    /// The value was changed, cut or moved from another row.
    #[error("it was damaged or moved from another place")]
    Broken,
    /// A consumer's key does not seal or open what is the worker's.
    #[error("a consumer's key does not open this column")]
    NotOurs,
}

const VERSION: &str = "v1";
/// 128 bits tell any two apart.
const KEYED_DIGEST: usize = 16;
/// 16 bits confirm no guess.
const UNKEYED_DIGEST: usize = 2;

#[cfg(test)]
mod tests;
