//! The worker of tokenkeeper as a library: what `tokenkeeper-worker` does, for its `main` and for
//! the tests. Programs that want tokens use `tokenkeeper_consumer`.

pub mod aftermath;
pub mod answer;
pub mod attempt;
pub mod backoff;
pub mod cleanup;
pub mod cli;
pub mod config;
pub mod cron;
pub mod daemon;
pub mod events;
pub mod exchange;
pub mod failpoint;
pub mod http;
pub mod journal;
pub mod order;
pub mod outcome;
pub mod pass;
pub mod plan;
mod private_file;
pub mod provider;
pub mod report;
pub mod sandbox;
pub mod schedule;
pub mod stop;
pub mod timer;
