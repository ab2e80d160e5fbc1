//! The worker that stays, as a process, on each database: when it wakes, what it outlives, and whom it tells. Clean-ups
//! that it begins are in `cleanup`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "daemon/calling.rs"]
mod calling;
#[path = "daemon/configuring.rs"]
mod configuring;
#[path = "programs/host.rs"]
mod host;
#[path = "serve/http.rs"]
mod http;
#[path = "daemon/keeping.rs"]
mod keeping;
#[path = "programs/sql.rs"]
mod sql;
#[path = "programs/stage.rs"]
mod stage;
#[path = "daemon/telling.rs"]
mod telling;
