//! Deletes dead tokens from authorization servers' own tables, and no live one. Apart from refreshing: no
//! room outside comes in here, and nothing here touches the store.
//!
//! Rules: `policy` says what may go, `predicate` says it in SQL, `evaluate` says it again in Rust.
//! IO: `database` is the one that is cleaned, `survey` a look at it.

pub mod columns;
pub mod cutoff;
pub mod database;
pub mod dialect;
pub mod digest;
pub mod evaluate;
pub mod ledger;
pub mod pace;
pub mod policy;
pub mod predicate;
pub mod progress;
pub mod site;
pub mod sql;
pub mod survey;
pub mod walk;
