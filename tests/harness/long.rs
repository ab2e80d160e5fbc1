//! Whether the long runs are wanted, which take minutes.

use std::env;

/// Whether `tests/run --all` asks.
pub fn is_wanted() -> bool {
    env::var_os("TOKENKEEPER_TEST_ALL").is_some()
}
