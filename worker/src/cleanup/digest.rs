//! SHA-256 in hexadecimal digits, as the databases write it.

use sha2::{Digest, Sha256};

/// The digest of bytes: 64 digits, in lower case.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    digits(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal digits, in lower case.
#[must_use]
pub fn digits(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
