//! What `schedule` makes for hosts and clouds: taken by those who start it (or by their own checkers), put in place,
//! looked at, removed.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "schedule/clouds.rs"]
mod clouds;
#[path = "schedule/containers.rs"]
mod containers;
#[path = "schedule/cron.rs"]
mod cron;
#[path = "schedule/deploy.rs"]
mod deploy;
#[path = "schedule/stage.rs"]
mod stage;
#[path = "schedule/systemd.rs"]
mod systemd;
