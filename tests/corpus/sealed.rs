//! Sealed values: each opens as what was sealed or not at all, and the refusal tells nothing of it.

use proptest::{prelude::*, test_runner::TestCaseResult};
use tokenkeeper_shared::{
    seal::{Column, Place, Seal, SealError, key::Keyring},
    secret::Secret,
    token::Stored,
};

use crate::damage::{check, samples, tells_a_secret};

#[test]
fn no_damaged_value_opens_as_anything_else() {
    let seal = seal();
    check("sealed", |bytes| holds(&seal, &String::from_utf8_lossy(bytes)));
}

#[test]
fn the_whole_value_opens_and_every_other_file_is_refused() {
    for sample in samples("sealed") {
        let text = std::str::from_utf8(&sample.bytes).unwrap();
        let is_whole = sample.name == "whole.txt";
        assert_eq!(seal().open(place(), &stored(text)).is_ok(), is_whole, "{}", sample.name);
    }
}

fn holds(seal: &Seal, text: &str) -> TestCaseResult {
    match seal.open(place(), &stored(text)) {
        Ok(opened) => prop_assert_eq!(opened.expose(), "canary-7f3a9c-access"),
        Err(error) => is_harmless(&error)?,
    }
    // Without a key nothing that is sealed is taken for clear text, and the other way round.
    match Seal::Off.open(place(), &stored(text)) {
        Ok(clear) => prop_assert_eq!(clear.expose(), text),
        Err(error) => is_harmless(&error)?,
    }
    Ok(())
}

fn is_harmless(error: &SealError) -> TestCaseResult {
    let shown = format!("{error} {error:?}");
    prop_assert!(!tells_a_secret(&shown), "{}", shown);
    if let SealError::UnknownKey(id) | SealError::Sealed(id) = error {
        prop_assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", id);
    }
    Ok(())
}

fn seal() -> Seal {
    Seal::With(Keyring::parse(&Secret::new(KEY)).unwrap())
}

fn place() -> Place<'static> {
    Place { table: "tokens", row: "quartile", column: Column::AccessToken }
}

/// As it would come from the database.
fn stored(text: &str) -> Stored {
    Seal::Off.seal(place(), &Secret::new(text)).unwrap()
}

/// Made for these files and used nowhere else.
const KEY: &str = "tokenkeeper-worker-key.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
