//! Deletes dead tokens from authorization servers' own tables, and no live one. Apart from refreshing: no
//! room outside comes in here, and nothing here touches the store.
//!
//! Rules: `policy` says what may go.

pub mod dialect;
pub mod policy;
