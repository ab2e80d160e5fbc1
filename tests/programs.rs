//! The two programs as their users meet them: real processes on each database, a provider in this
//! process. A provider that nobody here wrote is in `authorization_server`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "programs/bad_input.rs"]
mod bad_input;
#[path = "programs/bad_secrets.rs"]
mod bad_secrets;
#[path = "programs/budget.rs"]
mod budget;
#[path = "programs/canaries.rs"]
mod canaries;
#[path = "programs/care.rs"]
mod care;
#[path = "programs/completing.rs"]
mod completing;
#[path = "programs/crash.rs"]
mod crash;
#[path = "programs/database_faults.rs"]
mod database_faults;
#[path = "programs/demo.rs"]
mod demo;
#[path = "programs/executing.rs"]
mod executing;
#[path = "programs/exits.rs"]
mod exits;
#[path = "programs/formats.rs"]
mod formats;
#[path = "programs/helpers.rs"]
mod helpers;
#[path = "programs/host.rs"]
mod host;
#[path = "programs/journal.rs"]
mod journal;
#[path = "programs/keys.rs"]
mod keys;
#[path = "programs/leaks.rs"]
mod leaks;
#[path = "programs/outage.rs"]
mod outage;
#[path = "programs/proxies.rs"]
mod proxies;
#[path = "programs/racing.rs"]
mod racing;
#[path = "programs/readme.rs"]
mod readme;
#[path = "programs/reporting.rs"]
mod reporting;
#[path = "programs/signals.rs"]
mod signals;
#[path = "programs/sql.rs"]
mod sql;
#[path = "programs/stage.rs"]
mod stage;
#[path = "programs/surfaces.rs"]
mod surfaces;
#[path = "programs/tutorial.rs"]
mod tutorial;
#[path = "programs/watching.rs"]
mod watching;
