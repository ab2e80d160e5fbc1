//! Keys: their texts, their public ids, and the two halves derived from one.
//! Reading them from files and variables lies with `settings`.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Generate, Key},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Which of the two keys derived from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Opens access tokens, and nothing else.
    Consumer,
    /// Opens refresh tokens and whole answers.
    Worker,
}

impl Half {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Consumer => b"tokenkeeper consumer key v1",
            Self::Worker => b"tokenkeeper worker key v1",
        }
    }
}

/// One cipher key with its public id.
#[derive(Clone)]
pub struct CipherKey {
    id: String,
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
}

impl CipherKey {
    fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        let mut id = [0; 4];
        expand(&bytes, b"tokenkeeper key id v1", &mut id);
        Self { id: format!("{:08x}", u32::from_be_bytes(id)), bytes }
    }

    /// Names the key in sealed values and messages; tells nothing of its bytes.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CipherKey({}, [redacted])", self.id)
    }
}

/// What one line of a key file holds.
#[derive(Debug, Clone)]
struct KeyPair {
    consumer: CipherKey,
    worker: Option<CipherKey>,
}

/// The keys at hand: the first one seals, all of them open, so that a key can be replaced while
/// values of the old one are still stored.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<KeyPair>);

impl Keyring {
    /// Reads the text of a key: one line a key, `tokenkeeper-worker-key.…` or
    /// `tokenkeeper-consumer-key.…`; blank lines and lines that start with `#` do not count.
    ///
    /// # Errors
    /// [`KeyError`] names the line, never its content.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let lines = text.expose().lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let pairs = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| KeyPair::parse(line).ok_or(KeyError::Malformed(number)))
            .collect::<Result<Vec<_>, _>>()?;
        if pairs.is_empty() { Err(KeyError::Empty) } else { Ok(Self(pairs)) }
    }

    /// The text of a new worker key, from the operating system's randomness.
    #[must_use]
    pub fn new_worker_key() -> Secret {
        let bytes = Key::<XChaCha20Poly1305>::generate();
        Secret::new(format!("{WORKER_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text of the consumers' key that belongs to the sealing key.
    #[must_use]
    pub fn consumer_key_text(&self) -> Secret {
        let bytes = self.0.first().map(|pair| BASE64_URL_SAFE_NO_PAD.encode(pair.consumer.bytes()));
        Secret::new(format!("{CONSUMER_PREFIX}{}", bytes.unwrap_or_default()))
    }

    /// Whether the sealing key is a worker's: a consumer's key cannot keep tokens.
    #[must_use]
    pub fn is_workers(&self) -> bool {
        self.sealing_key(Half::Worker).is_some()
    }

    /// The key that new values of this half are sealed with.
    #[must_use]
    pub fn sealing_key(&self, half: Half) -> Option<&CipherKey> {
        self.0.first().and_then(|pair| pair.half(half))
    }

    /// The key of this half that bears `id`.
    #[must_use]
    pub fn opening_key(&self, half: Half, id: &str) -> Option<&CipherKey> {
        self.0.iter().filter_map(|pair| pair.half(half)).find(|key| key.id == id)
    }
}

impl KeyPair {
    fn parse(line: &str) -> Option<Self> {
        let decode = |text: &str| -> Option<Zeroizing<[u8; KEY_LENGTH]>> {
            let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
            bytes.as_slice().try_into().ok().map(Zeroizing::new)
        };
        if let Some(text) = line.strip_prefix(WORKER_PREFIX) {
            let master = decode(text)?;
            Some(Self {
                consumer: derive(&master, Half::Consumer),
                worker: Some(derive(&master, Half::Worker)),
            })
        } else {
            let bytes = decode(line.strip_prefix(CONSUMER_PREFIX)?)?;
            Some(Self { consumer: CipherKey::new(bytes), worker: None })
        }
    }

    fn half(&self, half: Half) -> Option<&CipherKey> {
        match half {
            Half::Consumer => Some(&self.consumer),
            Half::Worker => self.worker.as_ref(),
        }
    }
}

/// RFC 5869: one-way, so that a consumer cannot come from its key to the worker's.
fn derive(master: &[u8; KEY_LENGTH], half: Half) -> CipherKey {
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    expand(master, half.label(), bytes.as_mut_slice());
    CipherKey::new(bytes)
}

#[expect(clippy::expect_used, reason = "32 bytes and 4 bytes are below HKDF's bound of 255 hashes")]
fn expand(key: &[u8; KEY_LENGTH], label: &[u8], output: &mut [u8]) {
    Hkdf::<Sha256>::new(None, key).expand(label, output).expect("a short output");
}

/// A text that is no key. The offending text is never shown: it may be a mistyped key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The line is neither kind of key.
    #[error(
        "line {0} is no key: it must read {WORKER_PREFIX}… or {CONSUMER_PREFIX}…, as `tokenkeeper-worker key new` and `key consumer` print it"
    )]
    Malformed(usize),
    /// There is no line with a key.
    #[error("it holds no key: make one with `tokenkeeper-worker key new`")]
    Empty,
}

/// Hexadecimal digits in a key's id: enough to tell a handful of keys apart.
pub(super) const ID_LENGTH: usize = 8;

const KEY_LENGTH: usize = 32;
const WORKER_PREFIX: &str = "tokenkeeper-worker-key.";
const CONSUMER_PREFIX: &str = "tokenkeeper-consumer-key.";
