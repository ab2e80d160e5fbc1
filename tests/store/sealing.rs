//! What lies in the columns, and who can open it.

use tokenkeeper_shared::seal::key::{Half, Keyring};
use tokenkeeper_shared::seal::{Seal, SealError};
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{Role, Store, StoreError, Unopened};
use tokenkeeper_shared::token::Token;

use crate::ground::{Ground, on_each};
use crate::keeping::{
    HOUR, WORKER, access_token, answer, claimed, committed, failure, kept, later, noon,
    refresh_token, row,
};

#[test]
fn a_sealed_store_holds_sealed_text_only() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-2", "refresh-2", later(HOUR));
        committed(&store, &claim, new, later(HOUR)).await;
        for column in secret_columns(&ground).await {
            assert!(column.starts_with("v1."), "{column}");
        }
        let whole = format!("{:?}", ground.row_text("quartile").await);
        assert!(!whole.contains("access-") && !whole.contains("refresh-"), "{whole}");
    });
}

#[test]
fn a_store_without_a_seal_holds_clear_text() {
    on_each(async |ground| {
        let store = ground.store_in_clear().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-2", "refresh-2", later(HOUR));
        committed(&store, &claim, new, later(HOUR)).await;
        let json = r#"{"access_token":"access-2"}"#;
        assert_eq!(
            secret_columns(&ground).await,
            ["access-2", "refresh-2", "refresh-1-quartile", json]
        );
        let token = row(&store, "quartile").await;
        assert_eq!(access_token(&store, &token).unwrap(), "access-2");
    });
}

#[test]
fn a_value_moved_to_another_row_spoils_that_row_only() {
    on_each(async |ground| {
        let store = ground.store().await;
        let mut ids = Vec::new();
        for name in ["from", "to", "third"] {
            ids.push(kept(&store, name, noon()).await.id);
        }
        for column in ["access_token", "refresh_token"] {
            let moved = format!("SELECT {column} FROM tokens WHERE name = 'from'");
            let moved = ground.cell(&moved).await.unwrap();
            let sql = format!("UPDATE tokens SET {column} = '{moved}' WHERE name = 'to'");
            ground.run(&sql).await;
        }
        let token = row(&store, "to").await;
        let spoilt = store.open_access_token(&token).unwrap_err();
        assert!(is_broken(&spoilt, "to"), "{spoilt:?}");
        assert!(access_token(&store, &row(&store, "from").await).is_some());

        let claims = store.claim(&ids, WORKER, later(12 * HOUR)).await.unwrap();
        for claim in claims {
            let name = match claim {
                Ok(claim) => claim.token.name,
                Err(refused) => {
                    assert_eq!(refused.source, SealError::Broken);
                    assert_eq!(refused.claimed.token.name.as_str(), "to");
                    continue;
                }
            };
            assert!(["from", "third"].contains(&name.as_str()), "{name}");
        }
    });
}

#[test]
fn a_value_moved_to_another_column_does_not_open() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let sql = "UPDATE tokens SET access_token = refresh_token";
        ground.run(sql).await;
        let token = row(&store, "quartile").await;
        store.open_access_token(&token).unwrap_err();
    });
}

#[test]
fn another_key_opens_nothing_and_the_error_names_the_one_needed() {
    on_each(async |ground| {
        let token = kept(&ground.store().await, "quartile", noon()).await;
        let other = Keyring::parse(&Keyring::new_worker_key()).unwrap();
        let store = ground.open_with(Seal::With(other), Role::Worker);
        let refused = store.open_access_token(&token).unwrap_err().to_string();
        assert!(refused.contains(id(&ground, Half::Consumer)), "{refused}");
        let refused = unopened(&store, &token).await.to_string();
        assert!(refused.contains(id(&ground, Half::Worker)), "{refused}");
    });
}

#[test]
fn no_key_opens_nothing_and_the_error_names_the_one_needed() {
    on_each(async |ground| {
        let token = kept(&ground.store().await, "quartile", noon()).await;
        let store = ground.open_with(Seal::Off, Role::Consumer);
        let refused = store.open_access_token(&token).unwrap_err().to_string();
        assert!(refused.contains(id(&ground, Half::Consumer)), "{refused}");
    });
}

#[test]
fn a_claim_that_does_not_open_can_be_given_back() {
    on_each(async |ground| {
        let token = kept(&ground.store().await, "quartile", noon()).await;
        let store = ground.open_with(Seal::Off, Role::Worker);
        let refused = unopened(&store, &token).await;
        assert!(row(&store, "quartile").await.updating);
        let now = later(12 * HOUR);
        assert!(store.release(&refused.claimed, &failure(now), now).await.unwrap());
        assert!(!row(&store, "quartile").await.updating);
    });
}

#[test]
fn a_consumers_key_opens_access_tokens_only() {
    on_each(async |ground| {
        let token = kept(&ground.store().await, "quartile", noon()).await;
        let ring = Keyring::parse(&ground.ring.consumer_key_text()).unwrap();
        let store = ground.open_with(Seal::With(ring), Role::Worker);
        assert_eq!(access_token(&store, &token).unwrap(), "access-1-quartile");
        let refused = unopened(&store, &token).await;
        assert!(matches!(refused.source, SealError::UnknownKey(_)), "{refused:?}");
        let claim = claimed(&ground.open(), "quartile", later(13 * HOUR)).await;
        let new = answer("access-2", "refresh-2", later(13 * HOUR));
        assert!(store.prepare(&claim, &new, later(24 * HOUR), noon()).is_err());
    });
}

#[test]
fn a_new_key_seals_while_the_old_one_still_opens() {
    on_each(async |ground| {
        kept(&ground.store().await, "quartile", noon()).await;
        let new = Keyring::new_worker_key();
        let both = Secret::new(format!("{}\n{}", new.expose(), ground.key.expose()));
        let both = ground.open_with(Seal::With(Keyring::parse(&both).unwrap()), Role::Worker);
        let claim = claimed(&both, "quartile", later(HOUR)).await;
        assert_eq!(refresh_token(&claim).unwrap(), "refresh-1-quartile");
        let answer = answer("access-2", "refresh-2", later(HOUR));
        committed(&both, &claim, answer, later(HOUR)).await;

        let new = Keyring::parse(&new).unwrap();
        let store = ground.open_with(Seal::With(new), Role::Worker);
        let claim = claimed(&store, "quartile", later(2 * HOUR)).await;
        assert_eq!(refresh_token(&claim).unwrap(), "refresh-2");
        assert_eq!(access_token(&store, &claim.token).unwrap(), "access-2");
    });
}

#[test]
fn what_a_claim_holds_does_not_print() {
    on_each(async |ground| {
        let store = ground.store_in_clear().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let printed = format!("{claim:?} {:?}", answer("access-2", "refresh-2", noon()));
        assert!(!printed.contains("access-") && !printed.contains("refresh-"), "{printed}");
    });
}

/// Claims the row twelve hours after noon with a key that does not fit.
async fn unopened(store: &Store, token: &Token) -> Unopened {
    let claims = store.claim(&[token.id], WORKER, later(12 * HOUR)).await;
    claims.unwrap().remove(0).unwrap_err()
}

fn id(ground: &Ground, half: Half) -> &str {
    ground.ring.sealing_key(half).unwrap().id()
}

fn is_broken(error: &StoreError, row: &str) -> bool {
    matches!(error, StoreError::Seal { name, source: SealError::Broken } if name == row)
}

/// Access token, refresh token, the previous one, and the whole answer.
async fn secret_columns(ground: &Ground) -> Vec<String> {
    let sql = "SELECT access_token, refresh_token, refresh_token_previous, json_data FROM tokens";
    let found = ground.rows(sql).await.remove(0);
    found.into_iter().map(Option::unwrap).collect()
}
