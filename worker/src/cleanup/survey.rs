//! A look at a live database. Nothing is changed.

pub mod catalog;
