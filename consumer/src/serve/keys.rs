//! The keys of the microservice as values: a label, the names that the key may see, and the hash by
//! which it is found. Files are in `keys_file`, requests in `access`.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    str::FromStr,
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tokenkeeper_shared::{http::digest::Digest, name::TokenName, secret::Secret};

/// One key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) label: Label,
    pub(crate) tokens: Allowed,
    /// Whether it may report that a token was rejected, which has the token renewed.
    pub(crate) may_report: bool,
}

/// Which names a key may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowed {
    All,
    Names(BTreeSet<TokenName>),
}

impl Allowed {
    pub(crate) fn includes(&self, name: &TokenName) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(name),
        }
    }
}

/// What a list of names on the command line or in the file says; `*` stands for all.
impl FromIterator<Word> for Allowed {
    fn from_iter<Words: IntoIterator<Item = Word>>(words: Words) -> Self {
        let names = words.into_iter().map(|Word(name)| name).collect::<Option<_>>();
        names.map_or(Self::All, Self::Names)
    }
}

/// A name, or `*`.
#[derive(Debug, Clone)]
pub(crate) struct Word(Option<TokenName>);

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self(None));
        }
        text.parse().map(|name| Self(Some(name))).map_err(|error| format!("{error}, or * for all"))
    }
}

/// What people call a key: the alphabet and length of a token's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(TokenName);

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| {
            "a label has 1 to 128 characters of A-Z a-z 0-9 . _ - and no \"-\" in front".to_owned()
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// All keys, by hash. Looking one up takes as long for a near guess as for a far one: what is
/// compared is the guess's hash, which nobody can steer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(HashMap<Digest, Arc<Key>>);

impl Keys {
    pub(crate) fn find(&self, digest: &Digest) -> Option<&Arc<Key>> {
        self.0.get(digest)
    }

    /// Sorted by label.
    pub(crate) fn all(&self) -> Vec<(&Digest, &Key)> {
        let mut all: Vec<_> = self.0.iter().map(|(digest, key)| (digest, &**key)).collect();
        all.sort_by(|(_, one), (_, other)| one.label.0.cmp(&other.label.0));
        all
    }

    /// `false` when a key has that label already.
    pub(crate) fn add(&mut self, digest: Digest, key: Key) -> bool {
        let is_new = self.0.values().all(|known| known.label != key.label);
        if is_new {
            self.0.insert(digest, Arc::new(key));
        }
        is_new
    }

    /// `false` when there is none.
    pub(crate) fn remove(&mut self, label: &Label) -> bool {
        let before = self.0.len();
        self.0.retain(|_, key| key.label != *label);
        self.0.len() < before
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of a new key: 256 bits of the operating system's randomness.
pub(crate) fn new_text() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
}

/// So that people and scanners for leaked secrets know what they see.
const PREFIX: &str = "tokenkeeper-service-key.";

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(words: &[&str]) -> Allowed {
        words.iter().map(|word| word.parse::<Word>().unwrap()).collect()
    }

    #[test]
    fn a_key_sees_the_names_that_it_was_made_for() {
        let [edfi, crm] = ["edfi", "crm"].map(|name| name.parse::<TokenName>().unwrap());
        assert!(allowed(&["edfi"]).includes(&edfi) && !allowed(&["edfi"]).includes(&crm));
        assert!(allowed(&["edfi", "*"]).includes(&crm));
        assert!(!allowed(&[]).includes(&crm));
        assert!("a b".parse::<Word>().is_err());
    }

    #[test]
    fn a_new_key_is_another_each_time_and_is_found_by_its_hash() {
        let (one, other) = (new_text().unwrap(), new_text().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        let key = Key { label: "ci".parse().unwrap(), tokens: allowed(&["*"]), may_report: false };
        let mut keys = Keys::default();
        assert!(keys.add(Digest::of(one.expose()), key.clone()));
        assert!(!keys.add(Digest::of(other.expose()), key.clone()), "two keys of one label");
        assert_eq!(keys.find(&Digest::of(one.expose())).map(|found| &**found), Some(&key));
        assert!(keys.find(&Digest::of(other.expose())).is_none());
        assert!(keys.remove(&key.label) && !keys.remove(&key.label));
    }
}
