//! What the suites share: real servers, fresh databases, and the built programs.
//! No suite and no test lives here. A suite includes it by `mod harness;`.

#![allow(dead_code, reason = "each suite uses a part of the harness")]
#![allow(clippy::expect_used, reason = "a harness that cannot go on fails the test that asked")]

pub mod coverage;
pub mod databases;
pub mod keeper;
pub mod long;
pub mod oidc;
pub mod product;
pub mod programs;
pub mod proxy;
pub mod replica;
pub mod servers;
pub mod wait;
