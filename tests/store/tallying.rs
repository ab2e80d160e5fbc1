//! Attempts are counted by name and outcome, within a time.

use std::time::Duration;

use tokenkeeper_shared::store::{Event, Tally};
use uuid::Uuid;

use crate::ground::on_each;
use crate::keeping::{WORKER, later, name};

fn event(text: &str, outcome: &str, seconds: u64) -> Event {
    Event {
        name: name(text),
        at: later(seconds),
        worker: WORKER.to_owned(),
        attempt: Uuid::new_v4(),
        action: "refresh".to_owned(),
        outcome: outcome.to_owned(),
        generation: 7,
        duration: Duration::from_millis(1500),
        message: None,
    }
}

#[test]
fn attempts_are_counted_by_name_and_outcome_within_a_time() {
    on_each(async |ground| {
        let store = ground.store().await;
        assert_eq!(store.tally(later(0), later(9)).await.unwrap(), []);
        let events = [
            event("a", "ok", 0),
            event("a", "ok", 1),
            event("a", "ok", 2),
            event("a", "uncertain", 2),
            event("b", "ok", 2),
            event("b", "ok", 3),
        ];
        store.record(&events).await.unwrap();
        let tally = |text, outcome: &str, attempts| Tally {
            name: name(text),
            outcome: outcome.to_owned(),
            attempts,
            duration: Duration::from_millis(1500 * attempts),
        };
        let counted = store.tally(later(1), later(3)).await.unwrap();
        assert_eq!(counted, [tally("a", "ok", 2), tally("a", "uncertain", 1), tally("b", "ok", 1)]);
    });
}
