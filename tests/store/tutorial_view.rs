//! The view that stands in for the tutorial's table, which is on PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};

use tokenkeeper_shared::clock;
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::Store;
use tokenkeeper_shared::token::Claimed;

use crate::ground::{Ground, on};
use crate::harness::databases::Kind;
use crate::keeping::{answer, claimed, committed, failure, kept, name, noon};

#[test]
fn the_view_has_the_tutorials_columns() {
    on(&[Kind::Postgres], async |ground| {
        ground.store().await;
        let columns = "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_name = 'quartile_tokens' ORDER BY ordinal_position";
        let found = ground.rows(columns).await;
        let expected = [
            ["id", "uuid"],
            ["access_token", "text"],
            ["refresh_token", "text"],
            ["access_token_expires", "integer"],
            ["updating", "boolean"],
            ["json_data", "json"],
            ["created_at", "timestamp without time zone"],
            ["updated_at", "timestamp without time zone"],
        ];
        assert_eq!(found, expected.map(|column| column.map(|text| Some(text.to_owned()))));
    });
}

#[test]
fn the_view_shows_what_the_tutorial_asks_for() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store_in_clear().await;
        kept(&store, "other", noon()).await;
        quartile(&store, noon()).await;
        let shown = "SELECT access_token, refresh_token, access_token_expires, json_data \
             FROM quartile_tokens WHERE id = 'febdb7d2-e95d-11ed-9255-65636df51340'";
        let expires = clock::after(noon(), LIFE).timestamp().to_string();
        let expected = ["access-1", "refresh-1", &expires, r#"{"access_token":"access-1"}"#];
        let expected = expected.map(|text| Some(text.to_owned()));
        assert_eq!(ground.rows(shown).await, [expected]);
        assert_eq!(ground.rows("SELECT id FROM quartile_tokens").await.len(), 1);
    });
}

#[test]
fn a_sealed_answer_is_no_json_and_shows_as_null() {
    on(&[Kind::Postgres], async |ground| {
        quartile(&ground.store().await, noon()).await;
        assert_eq!(ground.cell("SELECT json_data FROM quartile_tokens").await, None);
        let token = ground.cell("SELECT access_token FROM quartile_tokens").await;
        assert!(token.unwrap().starts_with("v1."));
    });
}

#[test]
fn a_new_row_shows_no_token_and_no_expiry() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        store.enrol(&name("quartile"), "quartile", noon()).await.unwrap();
        let shown = "SELECT access_token, refresh_token, json_data, updating, \
             access_token_expires FROM quartile_tokens";
        let updating = Some("t".to_owned());
        assert_eq!(ground.rows(shown).await, [[None, None, None, updating, None]]);
    });
}

#[test]
fn an_expiry_beyond_2038_shows_as_the_last_that_fits() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        let now = store.time().await.unwrap().now();
        quartile(&store, now).await;
        let far = clock::latest().timestamp_millis();
        ground.run(&format!("UPDATE tokens SET access_token_expires = {far}")).await;
        let shown = "SELECT access_token_expires FROM quartile_tokens";
        assert_eq!(ground.cell(shown).await.unwrap(), "2147483647");
        assert!(!shows_updating(&ground).await);
    });
}

#[test]
fn updating_is_false_for_a_valid_token_at_rest() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        quartile(&store, store.time().await.unwrap().now()).await;
        assert!(!shows_updating(&ground).await);
    });
}

#[test]
fn updating_is_true_while_a_worker_is_at_it_and_false_once_it_is_done() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        let now = store.time().await.unwrap().now();
        quartile(&store, now).await;
        let claim = claimed(&store, "quartile", now).await;
        assert!(shows_updating(&ground).await);
        store.release(&claim, &failure(now), now).await.unwrap();
        assert!(!shows_updating(&ground).await);
    });
}

#[test]
fn updating_is_false_after_the_lease_has_lapsed() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        let now = store.time().await.unwrap().now();
        quartile(&store, now).await;
        claimed(&store, "quartile", clock::before(now, Duration::from_secs(61))).await;
        assert!(!shows_updating(&ground).await);
    });
}

#[test]
fn updating_is_true_for_an_expired_token() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        let now = store.time().await.unwrap().now();
        quartile(&store, clock::before(now, LIFE)).await;
        assert!(shows_updating(&ground).await);
    });
}

/// A quartile token, valid for twelve hours from `now`.
async fn quartile(store: &Store, now: DateTime<Utc>) -> Claimed {
    store.enrol(&name("quartile"), "quartile", now).await.unwrap();
    let claim = claimed(store, "quartile", now).await;
    let mut new = answer("access-1", "refresh-1", now);
    new.json_data = Some(Secret::new(r#"{"access_token":"access-1"}"#));
    committed(store, &claim, new, now).await;
    claim
}

async fn shows_updating(ground: &Ground) -> bool {
    let shown = ground.cell("SELECT updating FROM quartile_tokens").await;
    shown.unwrap() == "t"
}

/// How long the answers of these tests live.
const LIFE: Duration = Duration::from_secs(12 * 3600);
