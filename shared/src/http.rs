//! What the servers of both programs have in common: problems as documents, bodies with bounds, keys by their hashes, and
//! who guesses them. Their routes and sockets are their own.

pub mod bodies;
pub mod credentials;
pub mod digest;
pub mod guesses;
pub mod problem;
