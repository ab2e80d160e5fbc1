//! What a worker that stays needs beside its passes: `ears` hear of changes, `pulse` knows whether its loop turns,
//! `systemd` is told how it is. When a pass is due lies in `timer`; the loop itself with the command line.

pub mod ears;
pub mod pulse;
pub mod systemd;
