//! The worker of tokenkeeper as a library: what `tokenkeeper-worker` does, for its `main` and for
//! the tests. Programs that want tokens use `tokenkeeper_consumer`.

pub mod answer;
pub mod backoff;
pub mod cli;
pub mod config;
pub mod exchange;
pub mod http;
pub mod outcome;
pub mod pass;
pub mod plan;
pub mod provider;
pub mod report;
pub mod sandbox;
