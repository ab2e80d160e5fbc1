//! Handing a token out while a worker is at it. The judgement itself has its tests beside its code.

use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;

use tokenkeeper_shared::clock;
use tokenkeeper_shared::lifecycle::verdict::{Refusal, Warning, WhileUpdating, Wish};
use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{Commit, Role, Store};
use tokenkeeper_shared::wait::{HandedOut, NoToken, Patience, hand_out};

use crate::ground::{Ground, on_each};
use crate::keeping::{answer, claimed, committed, enrolled, failure, kept, name, row};

#[test]
fn a_valid_token_is_handed_out_at_once() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        let handed = at_once(&ground).await.unwrap();
        assert_eq!(handed.expose(), "access-1-quartile");
        assert_eq!((handed.warning, handed.waited), (None, false));
        // What was opened need not lie in memory as it was stored too.
        let kept = &handed.seen.token.access_token;
        assert!(kept.is_some() && *kept != row(&store, "quartile").await.access_token);
    });
}

#[test]
fn who_asks_while_a_worker_is_at_it_gets_the_new_token() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        let claim = claimed(&store, "quartile", now).await;
        let (consumer, name) = (consumer(&ground), name("quartile"));
        let mut asked = pin!(hand_out(&consumer, &name, Wish::default(), Patience::of(AGES)));
        // However slow the machine: there is nothing to hand out before the commit.
        let early = timeout(SOME_POLLS, &mut asked).await;
        assert!(early.is_err(), "it has not waited: {early:?}");
        let new = answer("access-2", "refresh-2", now);
        assert_eq!(committed(&store, &claim, new, now).await, Commit::Stored(2));
        let handed = timeout(LIMIT, asked).await.expect("it still waits").unwrap();
        assert_eq!(handed.expose(), "access-2");
        assert_eq!((handed.seen.token.generation, handed.warning), (2, None));
    });
}

#[test]
fn who_asks_while_a_worker_fails_gets_the_stored_token_with_a_warning() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        let claim = claimed(&store, "quartile", now).await;
        let (consumer, name) = (consumer(&ground), name("quartile"));
        let mut asked = pin!(hand_out(&consumer, &name, Wish::default(), Patience::of(AGES)));
        assert!(timeout(SOME_POLLS, &mut asked).await.is_err());
        assert!(store.release(&claim, &failure(now), now).await.unwrap());
        let handed = timeout(LIMIT, asked).await.expect("it still waits").unwrap();
        assert_eq!(handed.expose(), "access-1-quartile");
        assert_eq!(handed.warning, Some(Warning::RefreshFailed));
    });
}

#[test]
fn after_the_wait_the_stored_token_is_good_enough_while_it_is_valid() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        claimed(&store, "quartile", now).await;
        let asked = ask(&ground, Wish::default(), SOME_POLLS);
        let handed = timeout(LIMIT, asked).await.expect("it still waits").unwrap();
        assert_eq!(handed.expose(), "access-1-quartile");
        assert_eq!((handed.seen.token.generation, handed.warning), (1, Some(Warning::Updating)));
    });
}

#[test]
fn after_the_wait_an_expired_token_is_not_handed_out() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", clock::before(now, Duration::from_secs(12 * 3600))).await;
        claimed(&store, "quartile", now).await;
        let asked = timeout(LIMIT, ask(&ground, Wish::default(), SOME_POLLS));
        let refused = asked.await.expect("it still waits").unwrap_err();
        assert_eq!(refusal(refused), Refusal::StillUpdating);
    });
}

#[test]
fn who_does_not_want_to_wait_is_served_the_stored_token() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        claimed(&store, "quartile", now).await;
        let wish = Wish { while_updating: WhileUpdating::Serve, ..Wish::default() };
        let asked = ask(&ground, wish, AGES);
        let handed = timeout(LIMIT, asked).await.expect("it waits").unwrap();
        assert_eq!((handed.seen.token.generation, handed.waited), (1, false));
    });
}

#[test]
fn a_lapsed_lease_keeps_nobody_waiting() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        claimed(&store, "quartile", clock::before(now, Duration::from_secs(61))).await;
        assert!(row(&store, "quartile").await.updating);
        let handed = at_once(&ground).await.unwrap();
        assert_eq!((handed.seen.token.generation, handed.waited), (1, false));
    });
}

#[test]
fn a_lease_that_lapses_ends_the_wait() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        kept(&store, "quartile", now).await;
        claimed(&store, "quartile", now).await;
        let soon = clock::after(store.time().await.unwrap().now(), SOME_POLLS);
        let sql = format!("UPDATE tokens SET lease_until = {}", soon.timestamp_millis());
        ground.run(&sql).await;
        let handed = at_once(&ground).await.unwrap();
        assert_eq!((handed.seen.token.generation, handed.warning), (1, None));
        assert!(handed.seen.now.timestamp_millis() >= soon.timestamp_millis());
    });
}

#[test]
fn a_token_that_is_not_there_is_refused_with_the_reason() {
    on_each(async |ground| {
        let (store, now) = store_and_now(&ground).await;
        enrolled(&store, "quartile", now).await;
        let refused = at_once(&ground).await.unwrap_err();
        assert_eq!(refusal(refused), Refusal::NoTokenYet);
        ground.run("DELETE FROM tokens").await;
        let made = clock::before(now, Duration::from_secs(13 * 3600));
        let expired = kept(&store, "quartile", made).await.access_token_expires.unwrap();
        let refused = at_once(&ground).await.unwrap_err();
        assert_eq!(refusal(refused), Refusal::Expired(expired));
    });
}

#[test]
fn an_unknown_name_is_refused_as_such() {
    on_each(async |ground| {
        store_and_now(&ground).await;
        let refused = at_once(&ground).await.unwrap_err();
        assert!(matches!(&refused, NoToken::NoSuchName(name) if name.as_str() == "quartile"));
    });
}

#[test]
fn a_database_without_a_schema_is_an_error_of_the_store() {
    on_each(async |ground| {
        let asked =
            hand_out(&ground.open(), &name("quartile"), Wish::default(), Patience::of(AGES)).await;
        assert!(matches!(asked, Err(NoToken::Store(_))), "{asked:?}");
    });
}

async fn store_and_now(ground: &Ground) -> (Store, DateTime<Utc>) {
    let store = ground.store().await;
    let now = store.time().await.unwrap().now();
    (store, now)
}

fn consumer(ground: &Ground) -> Store {
    ground.open_with(Seal::With(ground.ring.clone()), Role::Consumer)
}

async fn ask(ground: &Ground, wish: Wish, wait: Duration) -> Result<HandedOut, NoToken> {
    hand_out(&consumer(ground), &name("quartile"), wish, Patience::of(wait)).await
}

/// Asks with a wait that no test outlasts.
async fn at_once(ground: &Ground) -> Result<HandedOut, NoToken> {
    let asked = ask(ground, Wish::default(), AGES);
    timeout(LIMIT, asked).await.expect("it waits")
}

fn refusal(refused: NoToken) -> Refusal {
    match refused {
        NoToken::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    }
}

const SOME_POLLS: Duration = Duration::from_millis(350);
const LIMIT: Duration = Duration::from_secs(20);
const AGES: Duration = Duration::from_secs(3600);
