//! Reading rows without claiming them.

use tokenkeeper_shared::clock;
use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{Release, Role, Store};
use tokenkeeper_shared::token::State;

use crate::ground::on_each;
use crate::harness::databases::Kind;
use crate::keeping::{access_token, claimed, enrolled, failure, kept, later, name, noon, row};

#[test]
fn a_name_without_a_row_reads_as_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        enrolled(&store, "quartile", noon()).await;
        assert!(store.read(&name("quartil")).await.unwrap().is_none());
    });
}

#[test]
fn a_new_row_has_no_access_token_to_open() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = enrolled(&store, "quartile", noon()).await;
        assert!(store.open_access_token(&token).unwrap().is_none());
    });
}

#[test]
fn a_consumer_reads_what_a_worker_writes() {
    on_each(async |ground| {
        let worker = ground.store().await;
        let consumer = ground.open_with(Seal::With(ground.ring.clone()), Role::Consumer);
        consumer.check_schema().await.unwrap();
        kept(&worker, "quartile", noon()).await;
        let token = row(&consumer, "quartile").await;
        assert_eq!(access_token(&consumer, &token).unwrap(), "access-1-quartile");
    });
}

#[test]
fn pages_go_by_name_in_one_order_on_every_database() {
    on_each(async |ground| {
        let store = ground.store().await;
        for text in ["b", "A", "a.b", "_", "B", "a", "a-b", "9", "ab", "a_b", "aB"] {
            enrolled(&store, text, noon()).await;
        }
        let mut names = Vec::new();
        while names.len() <= 11 {
            let after = names.last().map(|text: &String| name(text));
            let page = store.page(after.as_ref(), 3).await.unwrap();
            assert!(page.len() <= 3);
            if page.is_empty() {
                break;
            }
            names.extend(page.iter().map(|token| token.name.to_string()));
        }
        let in_order = ["9", "A", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "ab", "b"];
        assert_eq!(names, in_order);
    });
}

#[test]
fn those_who_wait_for_a_human_are_found() {
    on_each(async |ground| {
        let store = ground.store().await;
        for (text, state) in [
            ("waits", State::NeedsLogin),
            ("off", State::Disabled),
            ("waits-too", State::NeedsLogin),
            ("well", State::Ok),
        ] {
            kept(&store, text, noon()).await;
            let claim = claimed(&store, text, later(60)).await;
            let refresh_at = clock::latest();
            let release = Release { state, refresh_at, ..failure(later(60)) };
            store.release(&claim, &release, later(60)).await.unwrap();
        }
        let mut waiting = waiting_names(&store, 10).await;
        waiting.sort();
        assert_eq!(waiting, ["waits", "waits-too"]);
        assert_eq!(waiting_names(&store, 1).await.len(), 1);
    });
}

#[test]
fn the_view_for_people_shows_each_row_and_no_secret() {
    on_each(async |ground| {
        for store in [ground.store().await, ground.store_in_clear().await] {
            let text = format!("row-{}", store.page(None, 10).await.unwrap().len());
            kept(&store, &text, noon()).await;
            claimed(&store, &text, later(60)).await;
        }
        // Beyond what any reader of the view may find hard to show.
        let far = clock::latest().timestamp_millis();
        ground.run(&format!("UPDATE tokens SET refresh_at = {far}")).await;
        let found = ground.rows("SELECT * FROM token_status ORDER BY name").await;
        assert_eq!(found.len(), 2);
        let shown = format!("{found:?}");
        for secret in ["access-1", "refresh-1", "v1."] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let times = "SELECT expires_at, renews_at, created_at, refresh_token_expires_at \
             FROM token_status ORDER BY name";
        let times = ground.rows(times).await.remove(0);
        let starts =
            |at: usize, text| times[at].as_ref().unwrap().replace('T', " ").starts_with(text);
        assert!(starts(0, "2026-05-05 00:00:00"), "{times:?}");
        assert!(starts(1, "9999-12-31 23:59:59"), "{times:?}");
        assert!(starts(2, "2026-05-04 12:00:00"), "{times:?}");
        assert_eq!(times[3], None);
    });
}

#[test]
fn a_store_prints_neither_user_nor_password() {
    on_each(async |ground| {
        let url = match ground.kind() {
            Kind::Sqlite => ground.database.url.clone(),
            Kind::Postgres => "postgres://someone:canary@127.0.0.1/tokens".to_owned(),
            Kind::MySql => "mysql://someone:canary@127.0.0.1/tokens".to_owned(),
        };
        let store = Store::open(url.parse().unwrap(), Seal::Off, Role::Worker).unwrap();
        let printed = format!("{store:?} {:?} {}", store.url(), store.url());
        assert!(!printed.contains("canary") && !printed.contains("someone"), "{printed}");
    });
}

async fn waiting_names(store: &Store, limit: u16) -> Vec<String> {
    let waiting = store.waiting_for_a_human(limit).await.unwrap();
    waiting.iter().map(|token| token.name.to_string()).collect()
}
