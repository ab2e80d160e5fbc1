//! Everything that comes in from outside, whole and damaged: the files in `tests/corpus`, and what
//! flipped, cut, spliced and inserted bytes make of them. What single values mean is tested beside the
//! parsers.

#![expect(clippy::unwrap_used, reason = "a suite's helpers fail as its tests do: on the spot")]

#[path = "corpus/answers.rs"]
mod answers;
#[path = "corpus/configuration.rs"]
mod configuration;
#[path = "corpus/damage.rs"]
mod damage;
#[path = "harness/long.rs"]
mod long;
#[path = "corpus/names.rs"]
mod names;
#[path = "corpus/replies.rs"]
mod replies;
#[path = "corpus/scripts.rs"]
mod scripts;
#[path = "corpus/sealed.rs"]
mod sealed;
