//! Taking the tutorial's own table over.

use chrono::DateTime;

use tokenkeeper_shared::store::{Adopted, Store, StoreError};
use tokenkeeper_shared::token::State;

use crate::ground::{Ground, at_once, on};
use crate::harness::databases::Kind;
use crate::keeping::{access_token, claimed, kept, later, name, noon, refresh_token, row};

#[test]
fn the_tutorials_row_becomes_the_token_and_its_table_is_kept() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, true).await;
        assert_eq!(adopt(&store).await, TAKEN);

        let token = row(&store, "quartile").await;
        assert_eq!(token.id.to_string(), KEY);
        assert_eq!((token.state, token.generation), (State::Ok, 1));
        assert_eq!(token.provider, "quartile");
        assert_eq!(access_token(&store, &token).unwrap(), "old-access");
        assert_eq!(token.access_token_expires, DateTime::from_timestamp(1_777_900_000, 0));
        assert_eq!(token.refresh_at, noon());
        assert!(!token.updating, "what was stuck is not believed");
        let made = "SELECT created_at FROM tokens";
        assert_eq!(ground.cell(made).await.unwrap(), "1704164645000");
        let claim = claimed(&store, "quartile", noon()).await;
        assert_eq!(refresh_token(&claim).unwrap(), "old-refresh");
        let kept = "SELECT access_token, refresh_token FROM quartile_tokens_adopted";
        let old = ["old-access", "old-refresh"].map(|text| Some(text.to_owned()));
        assert_eq!(ground.rows(kept).await, [old]);
        assert_eq!(ground.cell(KIND_OF_RELATION).await.unwrap(), "v");
    });
}

#[test]
fn what_was_taken_over_is_sealed() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, false).await;
        assert_eq!(adopt(&store).await, TAKEN);
        let secrets = "SELECT access_token, refresh_token, json_data FROM tokens";
        for column in ground.rows(secrets).await.remove(0) {
            assert!(column.unwrap().starts_with("v1."));
        }
    });
}

#[test]
fn a_second_take_over_finds_no_table() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, false).await;
        assert_eq!(adopt(&store).await, TAKEN);
        let before = ground.row_text("quartile").await;
        assert_eq!(adopt(&store).await, Adopted::NoTable);
        assert_eq!(ground.row_text("quartile").await, before);
    });
}

#[test]
fn of_eight_take_overs_at_once_one_takes() {
    on(&[Kind::Postgres], async |ground| {
        store_beside_the_table(&ground, false).await;
        let ends = at_once(8, |_| {
            let store = ground.open();
            async move { adopt(&store).await }
        });
        let ends = ends.await;
        let taken = ends.iter().filter(|end| **end == TAKEN).count();
        assert_eq!(taken, 1, "{ends:?}");
        let others = [Adopted::NoTable, Adopted::AlreadyKept];
        assert!(ends.iter().all(|end| *end == TAKEN || others.contains(end)), "{ends:?}");
    });
}

#[test]
fn a_row_that_was_only_enrolled_gives_way() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, false).await;
        store.enrol(&name("quartile"), "quartile", later(60)).await.unwrap();
        assert_eq!(adopt(&store).await, TAKEN);
        assert_eq!(row(&store, "quartile").await.generation, 1);
    });
}

#[test]
fn a_token_that_is_kept_already_stays_and_so_does_the_table() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, false).await;
        kept(&store, "quartile", noon()).await;
        let before = ground.row_text("quartile").await;
        assert_eq!(adopt(&store).await, Adopted::AlreadyKept);
        assert_eq!(ground.row_text("quartile").await, before);
        assert_eq!(ground.cell(KIND_OF_RELATION).await.unwrap(), "r");
    });
}

#[test]
fn a_take_over_under_another_name_leaves_room_for_a_row_named_quartile() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, false).await;
        assert_eq!(store.adopt(&name("market"), noon()).await.unwrap(), TAKEN);
        store.enrol(&name("quartile"), "quartile", noon()).await.unwrap();
        assert!(store.read(&name("quartile")).await.unwrap().is_some());
    });
}

#[test]
fn an_empty_table_makes_room_for_the_view() {
    on(&[Kind::Postgres], async |ground| {
        ground.run(TABLE).await;
        let store = ground.store().await;
        assert_eq!(adopt(&store).await, Adopted::Empty { kept_as: KEPT_AS });
        assert!(store.page(None, 1).await.unwrap().is_empty());
        assert_eq!(ground.cell(KIND_OF_RELATION).await.unwrap(), "v");
    });
}

#[test]
fn without_the_table_there_is_nothing_to_take_over() {
    on(&[Kind::Postgres], async |ground| {
        assert_eq!(adopt(&ground.store().await).await, Adopted::NoTable);
    });
}

#[test]
fn migrating_leaves_the_tutorials_table_alone() {
    on(&[Kind::Postgres], async |ground| {
        let store = store_beside_the_table(&ground, true).await;
        let all = "SELECT id, access_token, updating, created_at FROM quartile_tokens";
        let before = ground.rows(all).await;
        store.migrate().await.unwrap();
        assert_eq!(ground.cell(KIND_OF_RELATION).await.unwrap(), "r");
        assert_eq!(ground.rows(all).await, before);
    });
}

#[test]
fn only_postgresql_has_the_tutorials_table() {
    on(&[Kind::Sqlite, Kind::MySql], async |ground| {
        let refused = ground.store().await.adopt(&name("quartile"), noon()).await;
        assert!(matches!(refused, Err(StoreError::PostgresOnly(_))), "{refused:?}");
    });
}

async fn adopt(store: &Store) -> Adopted {
    store.adopt(&name("quartile"), noon()).await.unwrap()
}

/// As the tutorial leaves its table, in a server whose sessions are not in UTC.
async fn store_beside_the_table(ground: &Ground, updating: bool) -> Store {
    ground.run(ZONE).await;
    ground.run(TABLE).await;
    let row = format!(
        "INSERT INTO quartile_tokens VALUES ('{KEY}', 'old-access', 'old-refresh', 1777900000, \
         {updating}, '{{\"access_token\": \"old-access\"}}', '2024-01-02 03:04:05', \
         '2024-01-02 03:04:06')"
    );
    ground.run(&row).await;
    ground.store().await
}

const KEY: &str = "febdb7d2-e95d-11ed-9255-65636df51340";
const KEPT_AS: &str = "quartile_tokens_adopted";
const TAKEN: Adopted = Adopted::Taken { kept_as: KEPT_AS };

const TABLE: &str = "CREATE TABLE quartile_tokens (id UUID NOT NULL, access_token TEXT, \
     refresh_token TEXT, access_token_expires INTEGER, updating BOOLEAN, json_data JSON, \
     created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, \
     updated_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, PRIMARY KEY(id))";

const KIND_OF_RELATION: &str = "SELECT relkind FROM pg_class WHERE relname = 'quartile_tokens'";

const ZONE: &str = "DO $$ BEGIN EXECUTE format( \
     'ALTER DATABASE %I SET timezone TO %L', current_database(), 'Asia/Tokyo'); END $$";
