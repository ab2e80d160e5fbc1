//! What the store remembers beside the tokens: events, refused logins; and answers on a file's line.

use std::time::Duration;

use tokenkeeper_shared::clock;
use tokenkeeper_shared::secret::Secret;
use tokenkeeper_shared::store::{
    Commit, EVENTS_AT_ONCE, Event, HISTORY_KEPT, LEASE, Prepared, Release,
};
use tokenkeeper_shared::token::State;
use uuid::Uuid;

use crate::ground::on_each;
use crate::keeping::{
    HOUR, WORKER, access_token, answer, claimed, committed, failure, kept, later, name, noon, row,
};

fn event(text: &str, seconds: u64) -> Event {
    Event {
        name: name(text),
        at: later(seconds),
        worker: WORKER.to_owned(),
        attempt: Uuid::new_v4(),
        action: "refresh".to_owned(),
        outcome: "ok".to_owned(),
        generation: 7,
        duration: Duration::from_millis(1234),
        message: Some("a message of odd \u{0}bytes".to_owned()),
    }
}

#[test]
fn events_are_read_as_they_were_written_newest_first() {
    on_each(async |ground| {
        let store = ground.store().await;
        let written: Vec<Event> =
            (0..EVENTS_AT_ONCE).map(|second| event("a", second as u64)).collect();
        store.record(&written).await.unwrap();
        store.record(&[event("b", 0)]).await.unwrap();
        let read = store.history(&name("a"), 3).await.unwrap();
        let mut newest: Vec<Event> = written.into_iter().rev().take(3).collect();
        for event in &mut newest {
            event.message = Some("a message of odd bytes".to_owned());
        }
        assert_eq!(read, newest);
    });
}

#[test]
fn events_older_than_what_is_kept_are_trimmed_and_no_others() {
    on_each(async |ground| {
        let store = ground.store().await;
        store.record(&[event("a", 0), event("a", 2)]).await.unwrap();
        let now = clock::after(later(1), HISTORY_KEPT);
        assert_eq!(store.trim_history(now).await.unwrap(), 1);
        let left = store.history(&name("a"), 10).await.unwrap();
        assert_eq!(left.iter().map(|event| event.at).collect::<Vec<_>>(), [later(2)]);
    });
}

#[test]
fn a_refused_row_is_found_and_made_due_by_whoever_sees_other_credentials_once() {
    on_each(async |ground| {
        let store = ground.store().await;
        for text in ["a", "b", "c"] {
            kept(&store, text, noon()).await;
            let claim = claimed(&store, text, later(HOUR)).await;
            let refused_login = (text != "c").then(|| format!("digest-{text}"));
            let release = Release {
                state: State::NeedsLogin,
                refresh_at: clock::latest(),
                refused_login,
                ..failure(later(HOUR))
            };
            store.release(&claim, &release, later(HOUR)).await.unwrap();
        }
        let found = store.refused(Uuid::nil(), 10).await.unwrap();
        let mut names: Vec<&str> = found.iter().map(|refused| refused.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b"]);
        assert!(store.readmit(&found[0], later(2 * HOUR)).await.unwrap());
        assert!(!store.readmit(&found[0], later(2 * HOUR)).await.unwrap());
        let due = store.due(later(2 * HOUR), <_>::default(), 10).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(store.refused(Uuid::nil(), 10).await.unwrap().len(), 1);
    });
}

#[test]
fn a_refused_login_is_still_known_after_a_forced_try_that_came_to_something_else() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "a", noon()).await;
        let refused = Release {
            state: State::NeedsLogin,
            refresh_at: clock::latest(),
            refused_login: Some("digest".to_owned()),
            ..failure(later(HOUR))
        };
        let claim = claimed(&store, "a", later(HOUR)).await;
        store.release(&claim, &refused, later(HOUR)).await.unwrap();
        let claim = claimed(&store, "a", later(2 * HOUR)).await;
        let something_else = Release { refused_login: None, ..refused };
        store.release(&claim, &something_else, later(2 * HOUR)).await.unwrap();
        let found = store.refused(Uuid::nil(), 10).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].login, "digest");
        assert!(store.readmit(&found[0], later(3 * HOUR)).await.unwrap());
        let claim = claimed(&store, "a", later(3 * HOUR)).await;
        committed(&store, &claim, answer("access-2", "refresh-2", noon()), later(3 * HOUR)).await;
        assert!(store.refused(Uuid::nil(), 10).await.unwrap().is_empty());
    });
}

#[test]
fn an_answer_read_back_from_its_line_is_committed_as_if_it_had_never_left() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let claim = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-2", "refresh-2", later(HOUR));
        let prepared = store.prepare(&claim, &new, later(12 * HOUR), later(HOUR)).unwrap();
        let line = prepared.to_line().unwrap();
        assert!(!line.contains('\n') && !line.contains("access-2") && !line.contains("refresh-2"));
        let read = Prepared::from_line(&line).unwrap();
        assert_eq!(store.commit(&read, later(HOUR + 5)).await.unwrap(), Commit::Stored(2));
        assert_eq!(store.commit(&prepared, later(HOUR + 5)).await.unwrap(), Commit::Stored(2));
        let token = row(&store, "quartile").await;
        assert_eq!(access_token(&store, &token).unwrap(), "access-2");
        assert_eq!(
            token.last_success_at,
            Some(later(HOUR)),
            "when it came, not when it was stored"
        );
    });
}

#[test]
fn an_answer_waits_while_another_attempt_holds_the_row_and_is_stored_when_that_has_failed() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let late = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-late", "refresh-late", later(HOUR));
        let prepared = store.prepare(&late, &new, later(12 * HOUR), later(HOUR)).unwrap();
        let lapsed = clock::after(later(HOUR), LEASE);
        let other = claimed(&store, "quartile", lapsed).await;
        assert_eq!(store.commit(&prepared, lapsed).await.unwrap(), Commit::Held);
        assert!(row(&store, "quartile").await.updating, "the other's claim stands");
        store.release(&other, &failure(lapsed), lapsed).await.unwrap();
        assert_eq!(store.commit(&prepared, lapsed).await.unwrap(), Commit::Stored(2));
    });
}

#[test]
fn an_answer_that_waited_is_dropped_when_the_other_attempt_has_brought_a_newer_one() {
    on_each(async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        let late = claimed(&store, "quartile", later(HOUR)).await;
        let new = answer("access-late", "refresh-late", later(HOUR));
        let prepared = store.prepare(&late, &new, later(12 * HOUR), later(HOUR)).unwrap();
        let lapsed = clock::after(later(HOUR), LEASE);
        let other = claimed(&store, "quartile", lapsed).await;
        assert_eq!(store.commit(&prepared, lapsed).await.unwrap(), Commit::Held);
        let newer = answer("access-newer", "refresh-newer", lapsed);
        assert_eq!(committed(&store, &other, newer, lapsed).await, Commit::Stored(2));
        assert_eq!(store.commit(&prepared, lapsed).await.unwrap(), Commit::Fenced);
        let token = row(&store, "quartile").await;
        assert_eq!(access_token(&store, &token).unwrap(), "access-newer");
    });
}

#[test]
fn a_login_digest_tells_requests_apart_and_gives_nothing_away_without_a_key() {
    on_each(async |ground| {
        let store = ground.store().await;
        let digest = |text: &str| store.login_digest(&Secret::new(text));
        assert_eq!(digest("one"), digest("one"));
        assert_ne!(digest("one"), digest("two"));
        let clear = ground.store_in_clear().await;
        assert_eq!(clear.login_digest(&Secret::new("one")).len(), 3, "16 bits confirm no guess");
    });
}
