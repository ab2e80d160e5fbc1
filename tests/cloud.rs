//! The worker in clouds, as a process that is spoken to as each cloud does.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "cloud/azure.rs"]
mod azure;
#[path = "cloud/dead.rs"]
mod dead;
#[path = "programs/host.rs"]
mod host;
#[path = "serve/http.rs"]
mod http;
#[path = "cloud/instance.rs"]
mod instance;
#[path = "cloud/lambda.rs"]
mod lambda;
#[path = "cloud/runtime_api.rs"]
mod runtime_api;
#[path = "programs/sql.rs"]
mod sql;
#[path = "programs/stage.rs"]
mod stage;
#[path = "cleanup/tables.rs"]
mod tables;

/// A file is refused there.
const SERVERS: [harness::databases::Kind; 2] =
    [harness::databases::Kind::Postgres, harness::databases::Kind::MySql];
