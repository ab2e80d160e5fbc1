//! What is remembered, for how long, and what is handed out of it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock::{self, Clock, ManualClock},
    seal::{Column, Place, Seal},
    secret::Secret,
    store::DatabaseTime,
    token::{State, Token},
};

use super::*;

/// A memory, and the hand on the clock.
struct Stage {
    memory: Memory,
    clock: Arc<ManualClock>,
}

impl Stage {
    fn new() -> Self {
        Self { memory: Memory::default(), clock: Arc::new(ManualClock::at(noon())) }
    }

    /// A token of a minute that the database gave just now.
    fn given(&self, name: &str, generation: i64) -> HandedOut {
        let now = self.now();
        let time = DatabaseTime::starting_at(now, self.clock.clone());
        let access_token = Secret::new(format!("canary-{name}-{generation}"));
        let token = row(name, generation, &access_token, now);
        HandedOut { token, access_token, warning: None, now, time, waited: false }
    }

    /// The database's clock, which is not this host's: it is a year ahead.
    fn now(&self) -> DateTime<Utc> {
        clock::after(self.clock.utc(), YEAR)
    }

    fn recalled(&self, name: &str) -> Option<String> {
        let recalled = self.memory.recall(&name.parse().unwrap());
        recalled.map(|known| known.access_token.expose().to_owned())
    }

    fn remembered(&self) -> usize {
        self.memory.0.lock().unwrap().len()
    }
}

fn row(name: &str, generation: i64, token: &Secret, now: DateTime<Utc>) -> Token {
    let place = Place { table: "tokens", row: name, column: Column::AccessToken };
    Token {
        id: uuid::Uuid::nil(),
        name: name.parse().unwrap(),
        provider: "example".into(),
        state: State::Ok,
        generation,
        access_token: Seal::Off.seal(place, token).ok(),
        token_type: "Bearer".into(),
        scope: None,
        access_token_expires: Some(clock::after(now, MINUTE)),
        refresh_token_expires: None,
        not_before: None,
        refresh_at: clock::after(now, MINUTE / 2),
        updating: false,
        worker: None,
        lease_until: None,
        uncertain_since: None,
        uncertain_tries: 0,
        failures: 0,
        next_attempt_at: None,
        last_error_class: None,
        last_error: None,
        last_error_at: None,
        last_success_at: Some(now),
        last_login_at: None,
    }
}

fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

#[test]
fn what_was_handed_out_is_recalled_with_a_warning_and_what_it_has_left() {
    let stage = Stage::new();
    let given = stage.memory.renew(stage.given("a", 1));
    assert_eq!((given.warning, given.token.generation), (None, 1));
    stage.clock.advance(MINUTE / 4);
    let known = stage.memory.recall(&"a".parse().unwrap()).unwrap();
    assert_eq!(known.access_token.expose(), "canary-a-1");
    assert_eq!(known.warning, Some(Warning::OutOfReach));
    assert_eq!(known.token.valid_for(known.now), MINUTE / 4 * 3);
}

#[test]
fn a_token_is_forgotten_when_it_expires_by_the_databases_time() {
    let stage = Stage::new();
    stage.memory.renew(stage.given("a", 1));
    stage.clock.advance(MINUTE - MILLISECOND);
    assert_eq!(stage.recalled("a").as_deref(), Some("canary-a-1"));
    stage.clock.advance(MILLISECOND);
    assert_eq!((stage.recalled("a"), stage.remembered()), (None, 0));
}

#[test]
fn an_expired_token_is_dropped_whichever_name_is_asked_for() {
    let stage = Stage::new();
    stage.memory.renew(stage.given("a", 1));
    stage.clock.advance(MINUTE);
    assert_eq!(stage.remembered(), 1);
    stage.memory.renew(stage.given("b", 1));
    assert_eq!((stage.recalled("b").is_some(), stage.remembered()), (true, 1));
}

#[test]
fn only_the_last_token_of_a_name_is_kept() {
    let stage = Stage::new();
    for generation in 1..100 {
        stage.memory.renew(stage.given("a", generation));
    }
    assert_eq!(stage.recalled("a").as_deref(), Some("canary-a-99"));
    assert_eq!(stage.remembered(), 1);
}

#[test]
fn no_call_is_given_an_older_generation_than_one_before() {
    let stage = Stage::new();
    let late = stage.given("a", 4);
    stage.clock.advance(MINUTE / 4);
    stage.memory.renew(stage.given("a", 5));
    let given = stage.memory.renew(late.clone());
    assert_eq!((given.token.generation, given.warning), (5, None));
    assert_eq!(given.now, stage.now());
    // The newer one dies: what the database has is better than nothing.
    stage.clock.advance(MINUTE);
    assert_eq!(stage.memory.renew(late).token.generation, 4);
}

#[test]
fn a_row_that_was_made_anew_counts_although_its_generation_is_lower() {
    let stage = Stage::new();
    stage.memory.renew(stage.given("a", 5));
    stage.clock.advance(MILLISECOND);
    assert_eq!(stage.memory.renew(stage.given("a", 1)).token.generation, 1);
    let mut other = stage.given("a", 0);
    other.token.id = uuid::Uuid::max();
    other.token.last_success_at = None;
    assert_eq!(stage.memory.renew(other).token.generation, 0);
}

#[test]
fn what_the_database_no_longer_has_is_forgotten() {
    let stage = Stage::new();
    stage.memory.renew(stage.given("a", 1));
    stage.memory.forget(&"a".parse().unwrap());
    assert_eq!(stage.recalled("a"), None);
}

#[test]
fn a_memory_does_not_print_its_tokens() {
    let stage = Stage::new();
    stage.memory.renew(stage.given("a", 1));
    assert!(!format!("{:?}", stage.memory).contains("canary"));
}

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
