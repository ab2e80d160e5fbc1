//! Policies as jobs of the databases' own schedulers, on real servers with real schedulers.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail on the spot, as tests may")]

mod harness;

#[path = "jobs/agent.rs"]
mod agent;
#[path = "jobs/agent_program.rs"]
mod agent_program;
#[path = "jobs/cron.rs"]
mod cron;
#[path = "jobs/instants.rs"]
mod instants;
#[path = "jobs/mysql.rs"]
mod mysql;
#[path = "cleanup/parsers.rs"]
mod parsers;
#[path = "jobs/place.rs"]
mod place;
#[path = "jobs/postgres.rs"]
mod postgres;
#[path = "jobs/printed.rs"]
mod printed;
#[path = "jobs/rows.rs"]
mod rows;
#[path = "cleanup/tables.rs"]
mod tables;
