//! Deletes dead tokens from authorization servers' own tables, and no live one. Apart from refreshing: no
//! room outside comes in here, and nothing here touches the store.
//!
//! Rules: `policy` says what may go, `predicate` says it in SQL, `evaluate` says it again in Rust,
//! `script` makes a script of it for databases that are not reached; `lint` looks over scripts of others.
//! `site` and `walk` say of which tables, and in which steps, `pace` how large these are, `restraint` and `lag` how
//! a run holds itself back, `progress` and `report` what came of it.
//! IO: `database` is the one that is cleaned, `survey` a look at it, `engine` the statements of a batch, `batch`
//! its transaction, `backup` where deleted rows go, `ledger` the runs, `turn` a policy's turn,
//! `drive` its run, `hold` what is looked
//! at between its batches, `replicas` how far behind they are, `verify` a look back, `restore` the way back, `retention` the end of old backups;
//! `archive` a backup in a file; `rehearsal` all of it on a copy.

pub mod archive;
pub mod backup;
pub mod batch;
pub mod columns;
pub mod cutoff;
pub mod database;
pub mod dialect;
pub mod digest;
pub mod drive;
pub mod engine;
pub mod evaluate;
pub mod hold;
pub mod lag;
pub mod ledger;
pub mod lint;
pub mod pace;
pub mod policy;
pub mod predicate;
pub mod progress;
pub mod rehearsal;
pub mod replicas;
pub mod report;
pub mod restore;
pub mod restraint;
pub mod retention;
pub mod script;
pub mod site;
pub mod sql;
pub mod survey;
pub mod turn;
pub mod verify;
pub mod walk;
