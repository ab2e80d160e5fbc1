//! The network between the programs and their database breaks at a chosen moment. What the sandbox
//! provider can do wrong is in `refresh` and `answers`; servers that die are in `refresh` and `consumer`.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

mod harness;

#[path = "faults/committing.rs"]
mod committing;
#[path = "faults/ground.rs"]
mod ground;
#[allow(dead_code, reason = "the suite `refresh` uses the rest")]
#[path = "refresh/stage.rs"]
mod stage;
