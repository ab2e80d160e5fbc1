//! The nemesis run: 200 short-lived tokens in one database, eight workers on four hosts, 64 consumers,
//! and somebody who kills and freezes workers, kills the database server, and has set the clocks of
//! half of the hosts ten minutes wrong. In the end the whole history is judged.
//!
//! A long run: ten seconds for each database with `TOKENKEEPER_TEST_ALL`, or as many as
//! `TOKENKEEPER_NEMESIS_SECONDS` says (600 finds what only hours would). Each run prints its
//! seed; `TOKENKEEPER_NEMESIS_SEED` takes it up again, though the system's scheduler has a say too.
//!
//! SQLite has no server to kill, and its time is its machine's: there no clock is wrong.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "nemesis/consumers.rs"]
mod consumers;
#[path = "nemesis/dice.rs"]
mod dice;
#[path = "nemesis/ground.rs"]
mod ground;
#[path = "nemesis/history.rs"]
mod history;
#[path = "programs/host.rs"]
mod host;
#[path = "nemesis/judge.rs"]
mod judge;
#[path = "nemesis/mischief.rs"]
mod mischief;
#[path = "nemesis/refusals.rs"]
mod refusals;
#[path = "nemesis/rest.rs"]
mod rest;
#[path = "nemesis/run.rs"]
mod run;
#[path = "programs/sql.rs"]
mod sql;
#[path = "programs/stage.rs"]
mod stage;
#[path = "nemesis/workers.rs"]
mod workers;
