//! The consumer's library over a real database: what a long-lived `Consumer` hands out while that is
//! there, when it dies, and when it is back. The command line is in `programs`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail on the spot, as tests may")]

mod harness;

#[path = "consumer/blocking.rs"]
mod blocking;
#[path = "consumer/generations.rs"]
mod generations;
#[path = "consumer/middleware.rs"]
mod middleware;
#[path = "consumer/outages.rs"]
mod outages;
#[path = "consumer/readme.rs"]
mod readme;
#[path = "consumer/remembering.rs"]
mod remembering;
#[path = "consumer/stage.rs"]
mod stage;
