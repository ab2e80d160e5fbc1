use std::time::Duration;

use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;
use tokenkeeper_shared::{clock, seal::Seal, store::Role};
use uuid::Uuid;

use super::*;

fn event(name: &str) -> Event {
    Event {
        name: name.parse().unwrap(),
        at: clock::from_millis(0),
        worker: "w".to_owned(),
        attempt: Uuid::nil(),
        action: "none".to_owned(),
        outcome: "unused".to_owned(),
        generation: 0,
        duration: Duration::ZERO,
        message: None,
    }
}

#[tokio::test]
async fn a_database_that_does_not_take_a_batch_is_not_asked_to_take_the_next() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("t.db").display());
    let store = Store::open(url.parse().unwrap(), Seal::Off, Role::Worker).unwrap();
    store.migrate().await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let refusing = "CREATE TRIGGER t BEFORE INSERT ON token_events WHEN new.name = 'refused' \
                    BEGIN SELECT RAISE(FAIL, 'no'); END";
    connection.execute(refusing).await.unwrap();
    let events = Events::default();
    for name in ["first", "refused", "last"] {
        for _ in 0..EVENTS_AT_ONCE {
            events.add(event(name));
        }
    }
    assert!(!events.flush(&store).await);
    let written =
        async |name: &str| store.history(&name.parse().unwrap(), 100).await.unwrap().len();
    assert_eq!((written("first").await, written("last").await), (EVENTS_AT_ONCE, 0));
    assert!(events.flush(&store).await, "nothing is left to write");
}
