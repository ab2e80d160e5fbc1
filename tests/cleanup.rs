//! Cleaning authorization servers' own tables: real tables, on real databases, in several time zones.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "cleanup/agreement.rs"]
mod agreement;
#[path = "cleanup/applying.rs"]
mod applying;
#[path = "cleanup/cleaning.rs"]
mod cleaning;
#[path = "cleanup/comparison.rs"]
mod comparison;
#[path = "cleanup/copies.rs"]
mod copies;
#[path = "cleanup/crashing.rs"]
mod crashing;
#[path = "cleanup/dump.rs"]
mod dump;
#[path = "cleanup/dying.rs"]
mod dying;
#[path = "cleanup/filing.rs"]
mod filing;
#[path = "cleanup/ground.rs"]
mod ground;
#[path = "cleanup/holding.rs"]
mod holding;
#[path = "serve/http.rs"]
mod http;
#[path = "cleanup/keeping.rs"]
mod keeping;
#[path = "cleanup/lagging.rs"]
mod lagging;
#[path = "cleanup/locking.rs"]
mod locking;
#[path = "cleanup/meeting.rs"]
mod meeting;
#[path = "cleanup/parsers.rs"]
mod parsers;
#[path = "cleanup/permitting.rs"]
mod permitting;
#[path = "cleanup/published.rs"]
mod published;
#[path = "cleanup/random.rs"]
mod random;
#[path = "cleanup/rehearsing.rs"]
mod rehearsing;
#[path = "cleanup/restoring.rs"]
mod restoring;
#[path = "cleanup/retaining.rs"]
mod retaining;
#[path = "cleanup/scheduling.rs"]
mod scheduling;
#[path = "cleanup/scripting.rs"]
mod scripting;
#[path = "cleanup/stopping.rs"]
mod stopping;
#[path = "cleanup/surveying.rs"]
mod surveying;
#[path = "cleanup/tables.rs"]
mod tables;
#[path = "cleanup/terminal.rs"]
mod terminal;
#[path = "cleanup/unasked.rs"]
mod unasked;
