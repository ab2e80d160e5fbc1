//! The worker dies at each step of the protocol, on each database, with each kind of provider; then
//! consumers must get a token that works, and the next run must heal the row.
//!
//! The rows of `docs/fault-matrix.md` are what these runs came to. Without `TOKENKEEPER_TEST_ALL` the
//! strict provider alone is tried.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "kill_matrix/deaths.rs"]
mod deaths;
#[path = "programs/host.rs"]
mod host;
#[path = "kill_matrix/matrix.rs"]
mod matrix;
#[path = "kill_matrix/mode.rs"]
mod mode;
#[path = "kill_matrix/outside.rs"]
mod outside;
#[path = "kill_matrix/patient.rs"]
mod patient;
#[path = "programs/sql.rs"]
mod sql;
#[path = "programs/stage.rs"]
mod stage;
