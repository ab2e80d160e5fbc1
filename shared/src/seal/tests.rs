//! What a seal promises.

use proptest::prelude::*;

use super::*;
use crate::seal::key::KeyError;

fn ring(text: &Secret) -> Keyring {
    Keyring::parse(text).unwrap()
}

fn place(row: &str, column: Column) -> Place<'_> {
    Place { table: "tokens", row, column }
}

fn secret() -> Secret {
    Secret::new("canary-secret")
}

#[test]
fn what_was_sealed_opens_again_and_shows_nothing() {
    let seal = Seal::With(ring(&Keyring::new_worker_key()));
    let place = place("quartile", Column::RefreshToken);
    let stored = seal.seal(place, &secret()).unwrap();
    assert!(stored.0.expose().starts_with("v1."));
    assert!(!stored.0.expose().contains("canary"));
    assert_eq!(seal.open(place, &stored).unwrap(), secret());
}

#[test]
fn the_same_secret_is_never_sealed_to_the_same_text_twice() {
    let seal = Seal::With(ring(&Keyring::new_worker_key()));
    let place = place("quartile", Column::AccessToken);
    assert_ne!(seal.seal(place, &secret()).unwrap(), seal.seal(place, &secret()).unwrap());
}

#[test]
fn a_value_moved_to_another_row_or_column_does_not_open() {
    let seal = Seal::With(ring(&Keyring::new_worker_key()));
    let stored = seal.seal(place("a", Column::RefreshToken), &secret()).unwrap();
    for elsewhere in [place("b", Column::RefreshToken), place("a", Column::RefreshTokenPrevious)] {
        assert_eq!(seal.open(elsewhere, &stored), Err(SealError::Broken));
    }
}

#[test]
fn the_consumers_key_opens_access_tokens_and_nothing_else() {
    let worker = ring(&Keyring::new_worker_key());
    let consumer = ring(&worker.consumer_key_text());
    let (worker, consumer) = (Seal::With(worker), Seal::With(consumer));
    let access = place("a", Column::AccessToken);
    let stored = worker.seal(access, &secret()).unwrap();
    assert_eq!(consumer.open(access, &stored).unwrap(), secret());
    for column in [Column::RefreshToken, Column::RefreshTokenPrevious, Column::JsonData] {
        let stored = worker.seal(place("a", column), &secret()).unwrap();
        assert!(consumer.open(place("a", column), &stored).is_err());
        assert_eq!(consumer.seal(place("a", column), &secret()), Err(SealError::NotOurs));
    }
}

#[test]
fn another_key_is_told_by_its_id() {
    let old = Keyring::new_worker_key();
    let place = place("a", Column::AccessToken);
    let stored = Seal::With(ring(&old)).seal(place, &secret()).unwrap();
    let new = Seal::With(ring(&Keyring::new_worker_key()));
    let id = ring(&old).sealing_key(Half::Consumer).unwrap().id().to_owned();
    assert_eq!(new.open(place, &stored), Err(SealError::UnknownKey(id)));
}

#[test]
fn a_key_may_be_replaced_while_values_of_the_old_one_are_stored() {
    let (old, new) = (Keyring::new_worker_key(), Keyring::new_worker_key());
    let both = Secret::new(format!("# the new one\n{}\n\n{}\n", new.expose(), old.expose()));
    let place = place("a", Column::RefreshToken);
    let stored = Seal::With(ring(&old)).seal(place, &secret()).unwrap();
    assert_eq!(Seal::With(ring(&both)).open(place, &stored).unwrap(), secret());
    let stored = Seal::With(ring(&both)).seal(place, &secret()).unwrap();
    assert_eq!(Seal::With(ring(&new)).open(place, &stored).unwrap(), secret());
}

#[test]
fn clear_and_sealed_values_are_never_mistaken_for_each_other() {
    let place = place("a", Column::AccessToken);
    let with_key = Seal::With(ring(&Keyring::new_worker_key()));
    assert_eq!(with_key.open(place, &Stored(secret())), Err(SealError::InClear));
    let sealed = with_key.seal(place, &secret()).unwrap();
    assert!(matches!(Seal::Off.open(place, &sealed), Err(SealError::Sealed(_))));
    for alike in ["v1.public.abc.def", "v1.canary-1.0123456789abcdef0123456789abcdef.x"] {
        let looks_alike = Stored(Secret::new(alike));
        assert_eq!(Seal::Off.open(place, &looks_alike).unwrap().expose(), alike);
        assert_eq!(with_key.open(place, &looks_alike), Err(SealError::InClear));
    }
}

#[test]
fn a_text_that_is_no_key_is_refused_without_being_shown() {
    let key = Keyring::new_worker_key();
    let cut = &key.expose()[..40];
    for (text, error) in [
        ("", KeyError::Empty),
        ("# only this\n", KeyError::Empty),
        ("canary", KeyError::Malformed(1)),
        (cut, KeyError::Malformed(1)),
        (&format!("{}\ncanary", key.expose()), KeyError::Malformed(2)),
    ] {
        let refused = Keyring::parse(&Secret::new(text)).unwrap_err();
        assert_eq!(refused, error);
        assert!(!refused.to_string().contains("canary"));
    }
}

#[test]
fn keys_do_not_print() {
    let text = Keyring::new_worker_key();
    let shown = format!("{:?} {:?}", ring(&text), Seal::With(ring(&text)));
    let bytes = text.expose().rsplit('.').next().unwrap();
    assert!(shown.contains("[redacted]") && !shown.contains(bytes));
}

proptest! {
    #[test]
    fn any_text_can_be_sealed(text in ".*") {
        let seal = Seal::With(ring(&Keyring::new_worker_key()));
        let place = place("a", Column::JsonData);
        let stored = seal.seal(place, &Secret::new(text.clone())).unwrap();
        prop_assert_eq!(seal.open(place, &stored).unwrap(), Secret::new(text));
    }

    #[test]
    fn no_text_makes_opening_panic(text in "(v1\\.)?[0-9a-z]{0,9}\\.?[A-Za-z0-9_-]{0,40}\\.?.*") {
        let seal = Seal::With(ring(&Keyring::new_worker_key()));
        prop_assert!(seal.open(place("a", Column::JsonData), &Stored(Secret::new(text))).is_err());
    }

    #[test]
    fn a_changed_character_does_not_open(position in 0usize..200, with in "[A-Za-z0-9]") {
        let seal = Seal::With(ring(&Keyring::new_worker_key()));
        let place = place("a", Column::JsonData);
        let stored = seal.seal(place, &secret()).unwrap();
        let mut text = stored.0.expose().to_owned();
        let position = position % text.len();
        text.replace_range(position..=position, &with);
        prop_assume!(text != stored.0.expose());
        prop_assert!(seal.open(place, &Stored(Secret::new(text))).is_err());
    }
}
