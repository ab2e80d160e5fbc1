//! What starts the worker at its times, as texts: units, lines, manifests. Pure; who puts them where, and asks
//! whether they are there, is in `cli/schedule`.

pub mod hosts;
