//! What is remembered, for how long, and for which questions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock::{self, ManualClock},
    lifecycle::verdict::WhileUpdating,
    seal::{Column, Place, Seal},
    secret::Secret,
    store::DatabaseTime,
    token::{State, Token},
};

use super::*;

/// A cell, and the hand on the clock.
struct Stage {
    cell: Arc<Cell>,
    clock: Arc<ManualClock>,
}

impl Stage {
    fn new() -> Self {
        let cell = Arc::new(Cell::of("a".parse().unwrap()));
        Self { cell, clock: Arc::new(ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap())) }
    }

    /// The database's clock, which is not this host's: it is a year ahead.
    fn now(&self) -> DateTime<Utc> {
        clock::after(self.clock.utc(), YEAR)
    }

    /// A token of an hour that the database gave just now.
    fn seen(&self, generation: i64) -> Seen {
        let now = self.now();
        Seen {
            token: row(generation, now),
            access_token: Some(Secret::new(format!("canary-{generation}"))),
            now,
            time: DatabaseTime::starting_at(now, self.clock.clone()),
        }
    }

    fn keep(&self, seen: Seen) -> Arc<Seen> {
        let seen = Arc::new(seen);
        self.cell.keep(&seen, Reading::now(self.cell.epoch(), &*self.clock), STALENESS);
        seen
    }

    /// Remembers the row as the test changes it.
    fn keep_with(&self, change: impl FnOnce(&mut Token)) {
        let mut seen = self.seen(1);
        change(&mut seen.token);
        self.keep(seen);
    }

    fn plain(&self, min_ttl: Duration) -> bool {
        self.cell.plain(min_ttl, &*self.clock).is_some()
    }

    fn judged(&self, wish: Wish) -> Option<AccessToken> {
        self.cell.judged(wish, &*self.clock, STALENESS)
    }

    fn warned(&self, wish: Wish) -> Option<Warning> {
        self.judged(wish)?.warning()
    }

    fn recalled(&self) -> Option<String> {
        self.cell.recall().map(|token| token.expose().to_owned())
    }
}

fn row(generation: i64, now: DateTime<Utc>) -> Token {
    let place = Place { table: "tokens", row: "a", column: Column::AccessToken };
    Token {
        state: State::Ok,
        generation,
        access_token: Seal::Off.seal(place, &Secret::new("canary")).ok(),
        token_type: "Bearer".into(),
        access_token_expires: Some(clock::after(now, HOUR)),
        refresh_at: clock::after(now, HOUR / 2),
        last_success_at: Some(now),
        ..Token::enrolled(uuid::Uuid::nil(), "a".parse().unwrap(), "example", now)
    }
}

#[test]
fn a_row_that_was_read_a_moment_ago_answers_without_the_database() {
    let stage = Stage::new();
    stage.keep(stage.seen(1));
    stage.clock.advance(STALENESS - MILLISECOND);
    assert!(stage.plain(MINUTE));
    let judged = stage.judged(Wish::default()).unwrap();
    assert_eq!((judged.expose(), judged.warning()), ("canary-1", None));
    stage.clock.advance(MILLISECOND);
    assert!(!stage.plain(MINUTE));
    assert!(stage.judged(Wish::default()).is_none());
}

#[test]
fn a_change_that_was_heard_of_ends_what_is_remembered_at_once() {
    let stage = Stage::new();
    stage.keep(stage.seen(1));
    stage.cell.change();
    assert!(!stage.plain(MINUTE));
    assert!(stage.judged(Wish::default()).is_none());
    // What had been asked for before the change is no news when it arrives.
    let before = Reading::now(stage.cell.epoch(), &*stage.clock);
    stage.cell.change();
    stage.cell.keep(&Arc::new(stage.seen(1)), before, STALENESS);
    assert!(!stage.plain(MINUTE));
}

#[test]
fn a_row_that_a_worker_is_at_is_asked_for_again() {
    let stage = Stage::new();
    let lease = clock::after(stage.now(), MINUTE);
    stage.keep_with(|row| (row.updating, row.lease_until) = (true, Some(lease)));
    assert!(!stage.plain(MINUTE));
    assert!(stage.judged(Wish::default()).is_none());
    let serve = Wish { while_updating: WhileUpdating::Serve, ..Wish::default() };
    assert_eq!(stage.warned(serve), Some(Warning::Updating));
}

#[test]
fn what_there_is_a_warning_about_is_never_handed_out_without_it() {
    for change in [
        (|row| row.failures = 1) as fn(&mut Token),
        |row| row.state = State::NeedsLogin,
        |row| row.state = State::Disabled,
    ] {
        let stage = Stage::new();
        stage.keep_with(change);
        assert!(!stage.plain(Duration::ZERO));
        assert!(stage.warned(Wish::default()).is_some());
    }
}

#[test]
fn a_token_with_less_left_than_is_asked_for_is_judged_each_time() {
    let stage = Stage::new();
    let end = clock::after(stage.now(), 2 * MINUTE);
    stage.keep_with(|row| row.access_token_expires = Some(end));
    assert!(stage.plain(MINUTE));
    let end = clock::after(stage.now(), MINUTE);
    let began = clock::before(stage.now(), HOUR);
    stage.keep_with(|row| {
        (row.access_token_expires, row.last_success_at) = (Some(end), Some(began));
    });
    assert!(stage.plain(Duration::ZERO) && !stage.plain(MINUTE));
    stage.clock.advance(MILLISECOND);
    assert_eq!(stage.warned(Wish::default()), Some(Warning::ExpiresSoon));
}

/// The cheap clock is the wall's, and somebody may set that.
#[test]
fn a_wall_clock_that_is_set_back_does_not_let_a_token_outlive_its_end() {
    for left in 1..40 {
        let stage = Stage::new();
        let left = Duration::from_millis(500 * left);
        let end = clock::after(stage.now(), left);
        stage.keep_with(|row| row.access_token_expires = Some(end));
        let known = stage.cell.held.load();
        let during = &known.as_ref().unwrap().plain.during;
        // At worst it is set back to the moment of the reading at the end of the window.
        let longest = Duration::from_nanos(2 * (during.end - during.start));
        assert!(longest <= left, "{left:?}: {longest:?}");
    }
}

#[test]
fn in_an_outage_it_is_recalled_until_it_expires_by_the_databases_time() {
    let stage = Stage::new();
    stage.keep(stage.seen(1));
    stage.cell.change();
    stage.clock.advance(HOUR - MILLISECOND);
    let recalled = stage.cell.recall().unwrap();
    assert_eq!((recalled.expose(), recalled.warning()), ("canary-1", Some(Warning::OutOfReach)));
    assert_eq!(recalled.expires_in(), MILLISECOND);
    stage.clock.advance(MILLISECOND);
    assert_eq!(stage.recalled(), None);
}

#[test]
fn no_call_is_given_an_older_generation_than_one_before() {
    let stage = Stage::new();
    let late = stage.seen(4);
    stage.clock.advance(MINUTE);
    stage.keep(stage.seen(5));
    let late = stage.keep(late);
    assert_eq!(stage.recalled().as_deref(), Some("canary-5"));
    let newest = stage.cell.newest(&late, None, Wish::default()).unwrap();
    assert_eq!((newest.generation(), newest.warning()), (5, None));
    // The newer one dies: what the database has is better than nothing.
    stage.clock.advance(HOUR);
    let mut late = stage.seen(4);
    late.token.last_success_at = Some(stage.now() - HOUR - HOUR);
    stage.keep(late);
    assert_eq!(stage.recalled().as_deref(), Some("canary-4"));
}

#[test]
fn a_row_that_was_made_anew_counts_although_its_generation_is_lower() {
    let stage = Stage::new();
    stage.keep(stage.seen(5));
    stage.clock.advance(MILLISECOND);
    stage.keep(stage.seen(1));
    assert_eq!(stage.recalled().as_deref(), Some("canary-1"));
    let mut other = stage.seen(0);
    other.token.id = uuid::Uuid::max();
    other.token.last_success_at = None;
    stage.keep(other);
    assert_eq!(stage.recalled().as_deref(), Some("canary-0"));
}

#[test]
fn a_row_without_a_token_is_not_remembered_and_what_is_forgotten_is_gone() {
    let stage = Stage::new();
    stage.keep(Seen { access_token: None, ..stage.seen(1) });
    assert_eq!(stage.recalled(), None);
    stage.keep(stage.seen(1));
    stage.cell.forget();
    assert_eq!((stage.recalled(), stage.plain(Duration::ZERO)), (None, false));
}

#[test]
fn a_memory_does_not_print_its_tokens() {
    let stage = Stage::new();
    stage.keep(stage.seen(1));
    let held = stage.cell.plain(Duration::ZERO, &*stage.clock);
    let token = AccessToken::of(held, None).unwrap();
    assert!(!format!("{:?} {token:?}", stage.cell).contains("canary"));
}

const STALENESS: Duration = Duration::from_secs(5);
const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
